import type { OutputSpan } from '../../db/read-output.ts';
import type { OutputPiece } from '../../domain/output.ts';
import { endOf, OUTPUT_STREAMS, runsOf } from '../../domain/output-slice.ts';

/** One of the streams, or both as they were written in turn. */
export const OUTPUT_CHOICES = [...OUTPUT_STREAMS, 'all'] as const;
export type OutputChoice = (typeof OUTPUT_CHOICES)[number];

/** A part of a piece, by what was written to the stream before it. */
export interface StreamPart {
  readonly span: OutputSpan;
  readonly from: number;
  readonly to: number;
}

/** What is kept of a stream: its beginning and its end, or all of it. */
export interface StreamView {
  readonly choice: OutputChoice;
  readonly parts: readonly StreamPart[];
  /** Bytes that were written so far, kept or not. */
  readonly totalBytes: number;
  readonly keptBytes: number;
  /** Kept bytes before those that were dropped; `null`: none were. */
  readonly gapAt: number | null;
}

/** What was written to the stream up to the end of a piece, and how much of that is in the piece. */
export function extentOf(span: OutputSpan, choice: OutputChoice): { readonly end: number; readonly length: number } {
  const length = endOf(span) - span.start;
  switch (choice) {
    case 'all':
      return { end: endOf(span), length };
    case 'stdout':
      return { end: span.stdoutEnd, length: span.stdoutBytes };
    case 'stderr':
      return { end: span.stderrEnd, length: length - span.stdoutBytes };
  }
}

/**
 * The beginning and the newest part that has no gap in itself. More than these two are stored only for moments while a
 * command runs, when the newest part is about to be replaced.
 */
export function viewOf(spans: readonly OutputSpan[], choice: OutputChoice): StreamView {
  const parts: StreamPart[] = [];
  let at = 0;
  let keptBytes = 0;
  let gapAt: number | null = null;
  for (const span of headAndTail(spans)) {
    const { end, length } = extentOf(span, choice);
    // Pieces may overlap; the same positions have the same bytes.
    const from = Math.max(at, end - length);
    if (from > at) gapAt ??= keptBytes;
    if (end > from) parts.push({ span, from, to: end });
    keptBytes += Math.max(0, end - from);
    at = Math.max(at, end);
  }
  return { choice, parts, totalBytes: at, keptBytes, gapAt };
}

/** From one kept byte up to another, counted among the kept bytes. */
export function sliceView({ parts }: StreamView, first: number, last: number): StreamPart[] {
  let before = 0;
  return parts.flatMap(({ span, from, to }) => {
    const start = before;
    before += to - from;
    const part = { span, from: Math.max(from, from + first - start), to: Math.min(to, from + last - start) };
    return part.from < part.to ? [part] : [];
  });
}

/** The bytes of the stream that are in a piece, those of a part of it only. */
export function bytesOf(piece: OutputPiece, choice: OutputChoice, { from, to }: StreamPart): Buffer {
  if (choice === 'all') return piece.data.subarray(from - piece.start, to - piece.start);
  const bytes = Buffer.concat(runsOf(piece).flatMap((run) => (run.stream === choice ? [run.bytes] : [])));
  const end = choice === 'stdout' ? piece.stdoutEnd : piece.stderrEnd;
  const start = end - bytes.length;
  return bytes.subarray(from - start, to - start);
}

function headAndTail(spans: readonly OutputSpan[]): OutputSpan[] {
  const groups: OutputSpan[][] = [];
  let end = 0;
  for (const span of spans) {
    const group = groups.at(-1);
    if (group === undefined || span.start > end) groups.push([span]);
    else if (endOf(span) > end) group.push(span);
    end = Math.max(end, endOf(span));
  }
  const [head, ...others] = groups;
  if (head === undefined) return [];
  const tail = others.at(-1) ?? [];
  return head[0]?.start === 0 || tail.length === 0 ? [...head, ...tail] : tail;
}
