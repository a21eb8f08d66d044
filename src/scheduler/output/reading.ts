import type { OutputPiece } from '../../domain/output.ts';
import { endOf, runsOf, slicePiece, type OutputStream } from '../../domain/output-slice.ts';
import { positionOf, type OutputCursor } from './output-cursor.ts';
import { partialAtEnd } from './partial-character.ts';

/** What somebody who follows an output comes by, and how far they are then. */
export type ReadingStep =
  | {
      readonly kind: 'bytes';
      readonly stream: OutputStream;
      /** Of the first byte. */
      readonly position: number;
      readonly bytes: Buffer;
      readonly cursor: OutputCursor;
    }
  /** So many bytes of each stream were not kept. */
  | { readonly kind: 'gap'; readonly stdout: number; readonly stderr: number; readonly cursor: OutputCursor };

type Bytes = Extract<ReadingStep, { kind: 'bytes' }>;

/**
 * What pieces have that comes after a cursor. A character of UTF-8 that pieces cut in two is put together; one at the very
 * end whose rest may come yet is left for the next time, unless this is `final`.
 */
export function readOn(pieces: readonly OutputPiece[], from: OutputCursor, final: boolean): ReadingStep[] {
  const steps: ReadingStep[] = [];
  let cursor = from;
  for (const piece of pieces) {
    if (endOf(piece) <= positionOf(cursor)) continue;
    const rest = slicePiece(piece, positionOf(cursor));
    const start = startOf(rest, from.attempt);
    if (rest.start > positionOf(cursor)) {
      const [stdout, stderr] = [start.stdout - cursor.stdout, start.stderr - cursor.stderr];
      steps.push({ kind: 'gap', stdout, stderr, cursor: start });
    }
    cursor = start;
    for (const { stream, start: position, bytes } of runsOf(rest)) {
      cursor = advance(cursor, stream, bytes.length);
      join(steps, { kind: 'bytes', stream, position, bytes, cursor });
    }
  }
  if (!final) holdBack(steps);
  return steps;
}

function startOf(piece: OutputPiece, attempt: number): OutputCursor {
  let { stdoutEnd: stdout, stderrEnd: stderr } = piece;
  for (const segment of piece.segments) {
    if (segment > 0) stdout -= segment;
    else stderr += segment;
  }
  return { attempt, stdout, stderr };
}

function advance(cursor: OutputCursor, stream: OutputStream, bytes: number): OutputCursor {
  return { ...cursor, [stream]: cursor[stream] + bytes };
}

/** A stream that goes on in the next piece may do so in the middle of a character. */
function join(steps: ReadingStep[], next: Bytes): void {
  const before = steps.at(-1);
  if (before?.kind !== 'bytes' || before.stream !== next.stream) {
    steps.push(next);
    return;
  }
  const cut = partialAtEnd(before.bytes);
  if (cut === 0) {
    steps.push(next);
    return;
  }
  const bytes = Buffer.concat([before.bytes.subarray(before.bytes.length - cut), next.bytes]);
  holdBack(steps);
  steps.push({ ...next, position: next.position - cut, bytes });
}

/** Takes back the beginning of a character at the end. */
function holdBack(steps: ReadingStep[]): void {
  const newest = steps.at(-1);
  if (newest?.kind !== 'bytes') return;
  const { bytes, cursor, stream } = newest;
  const cut = partialAtEnd(bytes);
  if (cut === 0) return;
  steps.pop();
  if (cut === bytes.length) return;
  steps.push({ ...newest, bytes: bytes.subarray(0, bytes.length - cut), cursor: advance(cursor, stream, -cut) });
}
