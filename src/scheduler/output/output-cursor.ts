import type { OutputPiece } from '../../domain/output.ts';
import { runsOf, slicePiece } from '../../domain/output-slice.ts';
import type { OutputChoice } from './stream-view.ts';

/** How far somebody has read: an attempt, and the bytes of each stream that come before. */
export interface OutputCursor {
  readonly attempt: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** What an event is known by. `ended`: it was the last. */
export type EventId = { readonly ended: false; readonly cursor: OutputCursor } | { readonly ended: true };

const END = 'end';

export function positionOf({ stdout, stderr }: OutputCursor): number {
  return stdout + stderr;
}

/** Such as `2:4096:17`: attempt, bytes of stdout, bytes of stderr. */
export function encodeCursor({ attempt, stdout, stderr }: OutputCursor): string {
  return `${attempt}:${stdout}:${stderr}`;
}

export function encodeEnd(cursor: OutputCursor): string {
  return `${encodeCursor(cursor)}:${END}`;
}

/** `null`: it is none. */
export function decodeEventId(text: string): EventId | null {
  const match = /^(?<attempt>[1-9]\d{0,9}):(?<stdout>\d{1,15}):(?<stderr>\d{1,15})(?<end>:end)?$/.exec(text)?.groups;
  // Nothing was written by a task that never started.
  if (match === undefined) return text === `0:0:0:${END}` ? { ended: true } : null;
  if (match.end !== undefined) return { ended: true };
  const [attempt, stdout, stderr] = [Number(match.attempt), Number(match.stdout), Number(match.stderr)];
  return { ended: false, cursor: { attempt, stdout, stderr } };
}

/** Right before byte no. `offset` of a stream, which the piece has. */
export function cursorInPiece(attempt: number, piece: OutputPiece, choice: OutputChoice, offset: number): OutputCursor {
  const position = choice === 'all' ? offset : positionOfByte(piece, choice, offset);
  const before = slicePiece(piece, piece.start, position);
  return { attempt, stdout: before.stdoutEnd, stderr: before.stderrEnd };
}

function positionOfByte(piece: OutputPiece, stream: 'stdout' | 'stderr', offset: number): number {
  let left = piece[`${stream}End`] - offset;
  for (const run of runsOf(piece).reverse()) {
    if (run.stream !== stream) continue;
    if (left <= run.bytes.length) return run.start + run.bytes.length - left;
    left -= run.bytes.length;
  }
  return piece.start;
}
