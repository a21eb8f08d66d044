import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutputPiece } from '../../../src/domain/output.ts';
import { endOf } from '../../../src/domain/output-slice.ts';
import { positionOf, type OutputCursor } from '../../../src/scheduler/output/output-cursor.ts';
import { readOn, type ReadingStep } from '../../../src/scheduler/output/reading.ts';

const START: OutputCursor = { attempt: 1, stdout: 0, stderr: 0 };

/** Pieces of what is written in turn: after each write a piece may end, or be left out. */
function cut(writes: readonly { bytes: Buffer; stderr: boolean; ends: boolean; dropped: boolean }[]): OutputPiece[] {
  const pieces: OutputPiece[] = [];
  let [start, stdoutEnd, stderrEnd] = [0, 0, 0];
  let data: Buffer[] = [];
  let segments: number[] = [];
  for (const { bytes, stderr, ends, dropped } of writes) {
    if (bytes.length > 0) segments.push(stderr ? -bytes.length : bytes.length);
    data.push(bytes);
    if (stderr) stderrEnd += bytes.length;
    else stdoutEnd += bytes.length;
    if (!ends) continue;
    if (!dropped) pieces.push({ start, data: Buffer.concat(data), segments, stdoutEnd, stderrEnd, replacesFrom: null });
    [start, data, segments] = [stdoutEnd + stderrEnd, [], []];
  }
  return pieces;
}

const write = fc.record({
  bytes: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    // Half characters, whose rest may come next.
    fc.constantFrom(Buffer.from('€').subarray(0, 2), Buffer.from('€').subarray(2)),
  ),
  stderr: fc.boolean(),
  ends: fc.boolean(),
  dropped: fc.boolean(),
});

const told = (steps: readonly ReadingStep[]) =>
  steps.map((step) => (step.kind === 'gap' ? 'gap' : `${step.position}${step.stream}${step.bytes.toString('hex')}`));

/** Every position that was told, with its byte. */
function bytesAt(steps: readonly ReadingStep[]): [number, string][] {
  return steps.flatMap((step) =>
    step.kind === 'gap'
      ? []
      : [...step.bytes].map((byte, i): [number, string] => [step.position + i, `${step.stream} ${byte}`]),
  );
}

describe('readOn', () => {
  test('tells each byte that there is, once, whichever way the pieces come', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 15 }), fc.array(fc.nat(), { maxLength: 6 }), (writes, stops) => {
        const pieces = cut(writes);
        const whole = readOn(pieces, START, true);
        // In several goes: what is stored grows, and each time it is read on from where the last one left off.
        const steps: ReadingStep[] = [];
        const counts = stops.map((n) => n % (pieces.length + 1)).sort((a, b) => a - b);
        for (const [index, count] of [...counts, pieces.length].entries()) {
          const cursor = steps.at(-1)?.cursor ?? START;
          const seen = pieces.slice(0, count).filter((piece) => endOf(piece) > positionOf(cursor));
          steps.push(...readOn(seen, cursor, index === counts.length));
        }
        expect(bytesAt(steps)).toEqual(bytesAt(whole));
        const there = pieces.flatMap((piece) => [...piece.data].map((byte, i) => [piece.start + i, byte]));
        expect(bytesAt(whole).map(([at, byte]) => [at, Number(byte.split(' ')[1])])).toEqual(there);
        expect(steps.at(-1)?.cursor).toEqual(whole.at(-1)?.cursor);
      }),
      { numRuns: 500 },
    );
  });

  test('goes on from any of its steps as if it had not stopped', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 15 }), (writes) => {
        const pieces = cut(writes);
        const whole = readOn(pieces, START, true);
        for (const [index, step] of whole.entries()) {
          expect(told(readOn(pieces, step.cursor, true))).toEqual(told(whole.slice(index + 1)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('says how much of each stream is missing', () => {
    const none = { bytes: Buffer.alloc(0), stderr: false };
    const pieces = cut([
      { bytes: Buffer.from('ab'), stderr: false, ends: true, dropped: false },
      { bytes: Buffer.alloc(10), stderr: false, ends: false, dropped: false },
      { bytes: Buffer.alloc(3), stderr: true, ends: true, dropped: true },
      { bytes: Buffer.from('cd'), stderr: true, ends: true, dropped: false },
      { bytes: Buffer.alloc(5), stderr: true, ends: true, dropped: true },
      { ...none, ends: true, dropped: false },
    ]);
    expect(readOn(pieces, START, true)).toMatchObject([
      { kind: 'bytes', bytes: Buffer.from('ab') },
      { kind: 'gap', stdout: 10, stderr: 3, cursor: { stdout: 12, stderr: 3 } },
      { kind: 'bytes', bytes: Buffer.from('cd') },
      { kind: 'gap', stdout: 0, stderr: 5, cursor: { stdout: 12, stderr: 10 } },
    ]);
  });

  test('puts characters together that pieces cut in two, and waits for the rest of the last', () => {
    const bytes = Buffer.from('a€b');
    const pieces = cut([
      { bytes: bytes.subarray(0, 2), stderr: false, ends: true, dropped: false },
      { bytes: bytes.subarray(2), stderr: false, ends: true, dropped: false },
    ]);
    const first = readOn(pieces.slice(0, 1), START, false);
    expect(first).toMatchObject([{ bytes: Buffer.from('a'), cursor: { stdout: 1 } }]);
    expect(readOn(pieces, first[0]!.cursor, false)).toMatchObject([{ position: 1, bytes: Buffer.from('€b') }]);
    expect(readOn(pieces, START, false)).toMatchObject([{ bytes: Buffer.from('a') }, { bytes: Buffer.from('€b') }]);
    expect(readOn(pieces.slice(0, 1), START, true)).toMatchObject([{ bytes: bytes.subarray(0, 2) }]);
  });
});
