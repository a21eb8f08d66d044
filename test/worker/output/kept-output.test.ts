import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endOf, MAX_PIECE_BYTES, runsOf, type OutputStream } from '../../../src/domain/output-slice.ts';
import { KeptOutput } from '../../../src/worker/output/kept-output.ts';

const stream = fc.constantFrom<OutputStream>('stdout', 'stderr');
const write = fc.record({ stream, bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) });

describe('KeptOutput', () => {
  test('keeps the first and the last half of the limit, in order, and knows which stream each byte went to', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), fc.nat({ max: 2_000 }), fc.nat(), (writes, limit, seed) => {
        const kept = new KeptOutput(limit);
        const pieces = [];
        for (const [index, { bytes, stream }] of writes.entries()) {
          kept.append(stream, bytes);
          // Whatever is taken when, the pieces are those of one output.
          if ((seed >> (index % 31)) % 2 === 1) pieces.push(kept.takeHead());
        }
        for (let head = kept.takeHead(); head !== null; head = kept.takeHead()) pieces.push(head);
        pieces.push(...kept.tailFrom(0));

        const all = Buffer.concat(writes.map(({ bytes }) => bytes));
        const owner = writes.flatMap(({ bytes, stream }) => Array<OutputStream>(bytes.length).fill(stream));
        const head = Math.min(all.length, Math.floor(limit / 2));
        const tail = Math.max(head, all.length - (limit - Math.floor(limit / 2)));
        const positions: number[] = [];
        for (const piece of pieces) {
          if (piece === null) continue;
          expect(endOf(piece) - piece.start).toBe(piece.data.length);
          const stdout = owner.slice(0, endOf(piece)).filter((name) => name === 'stdout').length;
          expect(piece.stdoutEnd).toBe(stdout);
          for (const run of runsOf(piece)) {
            expect(run.bytes).toEqual(all.subarray(run.start, run.start + run.bytes.length));
            for (let i = 0; i < run.bytes.length; i++) {
              positions.push(run.start + i);
              expect(owner[run.start + i]).toBe(run.stream);
            }
          }
        }
        const wanted = [...all.keys()].filter((at) => at < head || at >= tail);
        expect(positions).toEqual(wanted);
        expect(kept.total).toBe(all.length);
      }),
      { numRuns: 300 },
    );
  });

  test('cuts pieces where they are full', () => {
    const kept = new KeptOutput(4 * MAX_PIECE_BYTES);
    for (let i = 0; i < 26; i++) kept.append('stdout', Buffer.alloc(10_000, i));
    expect(kept.hasFullHead).toBe(true);
    expect([kept.takeHead(), kept.takeHead()].map((piece) => piece?.data.length)).toEqual([65_536, 65_536]);
    expect(kept.tailFrom(0).map(({ start, data }) => [start, data.length])).toEqual([
      [131_072, 65_536],
      [196_608, 63_392],
    ]);
  });

  test('cuts pieces whose streams take turns too often', () => {
    const kept = new KeptOutput(100_000);
    for (let i = 0; i < 10_000; i++) kept.append(i % 2 === 0 ? 'stdout' : 'stderr', Buffer.from('x'));
    expect(kept.takeHead()?.segments).toHaveLength(4_096);
  });

  test('holds little more than the limit, however much is written', () => {
    const kept = new KeptOutput(1024 * 1024);
    const chunk = Buffer.alloc(65_536, 'x');
    for (let i = 0; i < 16_384; i++) kept.append(i % 3 === 0 ? 'stderr' : 'stdout', chunk);
    expect(kept.total).toBe(2 ** 30);
    expect(kept.heldBytes).toBeLessThanOrEqual(1024 * 1024 + MAX_PIECE_BYTES);
    // A chunk longer than the tail leaves only its end.
    const short = new KeptOutput(10);
    short.append('stdout', Buffer.from('0123456789abcdefghij'));
    expect(short.tailFrom(0).map(({ data }) => data.toString())).toEqual(['fghij']);
  });
});
