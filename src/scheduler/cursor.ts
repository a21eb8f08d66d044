import { crc32 } from 'node:zlib';
import type { ListPosition } from '../db/list-tasks.ts';
import { parseInstant } from '../domain/instant.ts';

/** The place of a task in the list as a text that says nothing to anybody else. The checksum finds what was altered. */
export function encodeCursor({ scheduledAt, id }: ListPosition): string {
  const place = `${scheduledAt} ${id}`;
  return Buffer.from(`${checksum(place)} ${place}`).toString('base64url');
}

const SHAPE = /^([0-9a-f]{1,8}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([0-9a-f-]{36})$/;

/** The reverse of {@link encodeCursor}; `null` for any other text. */
export function decodeCursor(cursor: string): ListPosition | null {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [, sum, scheduledAt, id] = SHAPE.exec(text) ?? [];
  if (sum === undefined || scheduledAt === undefined || id === undefined) return null;
  const position = { scheduledAt, id };
  return encodeCursor(position) === cursor && parseInstant(scheduledAt).ok ? position : null;
}

function checksum(text: string): string {
  return crc32(text).toString(16);
}
