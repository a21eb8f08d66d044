import type { OutputPiece } from './output.ts';

export const OUTPUT_STREAMS = ['stdout', 'stderr'] as const;
export type OutputStream = (typeof OUTPUT_STREAMS)[number];

/** Most bytes of one piece. */
export const MAX_PIECE_BYTES = 64 * 1024;

/** A part of a piece that went to one stream. */
export interface OutputRun {
  readonly stream: OutputStream;
  /** Position of its first byte, as in {@link OutputPiece}. */
  readonly start: number;
  readonly bytes: Buffer;
}

export function endOf(piece: Pick<OutputPiece, 'stdoutEnd' | 'stderrEnd'>): number {
  return piece.stdoutEnd + piece.stderrEnd;
}

/** The part of a piece from position `from` up to position `to`, which overlap it; it replaces nothing. */
export function slicePiece(piece: OutputPiece, from: number, to = Infinity): OutputPiece {
  const first = Math.max(from, piece.start);
  const last = Math.min(to, endOf(piece));
  const segments: number[] = [];
  let { stdoutEnd, stderrEnd } = piece;
  let at = piece.start;
  for (const segment of piece.segments) {
    const end = at + Math.abs(segment);
    const kept = Math.min(end, last) - Math.max(at, first);
    if (kept > 0) segments.push(segment > 0 ? kept : -kept);
    const after = Math.max(0, end - Math.max(at, last));
    if (segment > 0) stdoutEnd -= after;
    else stderrEnd -= after;
    at = end;
  }
  const data = piece.data.subarray(first - piece.start, last - piece.start);
  return { start: first, data, segments, stdoutEnd, stderrEnd, replacesFrom: null };
}

/** What went to which stream, in turn. */
export function runsOf(piece: OutputPiece): OutputRun[] {
  let at = 0;
  return piece.segments.map((segment) => {
    const from = at;
    at += Math.abs(segment);
    const stream = segment > 0 ? 'stdout' : 'stderr';
    return { stream, start: piece.start + from, bytes: piece.data.subarray(from, at) };
  });
}
