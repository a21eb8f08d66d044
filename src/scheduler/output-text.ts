import { isUtf8 } from 'node:buffer';
import { partialAtEnd, partialAtStart } from './output/partial-character.ts';

/** What is to be told of an output. */
export interface KeptBytes {
  readonly bytes: Buffer;
  /** How many of them come before others that were dropped; `null`: none were dropped among these. */
  readonly gapAt: number | null;
  /** There is more before these, or may be behind them. */
  readonly moreBefore: boolean;
  readonly moreBehind: boolean;
}

/** Bytes as JSON can carry them. */
export interface OutputText {
  /** As `encoding` says. */
  readonly text: string;
  readonly encoding: 'utf-8' | 'base64';
  /** As in {@link KeptBytes}, of the bytes that `text` stands for. */
  readonly gapAt: number | null;
}

/** What can be read is text; anything else is base64. A character that was cut in two is left out. */
export function toOutputText({ bytes, gapAt, moreBefore, moreBehind }: KeptBytes): OutputText {
  const gap = gapAt ?? bytes.length;
  const before = whole(bytes.subarray(0, gap), moreBefore, gapAt !== null || moreBehind);
  const behind = whole(bytes.subarray(gap), true, moreBehind);
  if (!isUtf8(before) || !isUtf8(behind)) return { text: bytes.toString('base64'), encoding: 'base64', gapAt };
  const text = before.toString('utf8') + behind.toString('utf8');
  return { text, encoding: 'utf-8', gapAt: gapAt === null ? null : before.length };
}

function whole(bytes: Buffer, moreBefore: boolean, moreBehind: boolean): Buffer {
  const rest = bytes.subarray(moreBefore ? partialAtStart(bytes) : 0);
  return rest.subarray(0, rest.length - (moreBehind ? partialAtEnd(rest) : 0));
}
