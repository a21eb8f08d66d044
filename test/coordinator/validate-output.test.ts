import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanOutput, isValidChunk } from '../../src/coordinator/validate-output.ts';
import { cleanFinish } from '../../src/coordinator/validate-session.ts';
import type { OutputPiece } from '../../src/domain/output.ts';
import type { FinishedReport } from '../../src/rpc/messages.ts';

const ref = { taskId: randomUUID(), attempt: 1 };

/** What a command writes, cut into pieces with gaps between some of them, as a worker tells it. */
const told: fc.Arbitrary<OutputPiece[]> = fc
  .array(
    fc.record({
      segments: fc.array(
        fc.integer({ min: -30, max: 30 }).filter((length) => length !== 0),
        { minLength: 1 },
      ),
      dropped: fc.record({ stdout: fc.nat(20), stderr: fc.nat(20) }),
    }),
    { maxLength: 6 },
  )
  .map((parts) => {
    let [stdoutEnd, stderrEnd] = [0, 0];
    return parts.map(({ dropped, segments }) => {
      stdoutEnd += dropped.stdout;
      stderrEnd += dropped.stderr;
      const start = stdoutEnd + stderrEnd;
      for (const length of segments) {
        if (length > 0) stdoutEnd += length;
        else stderrEnd -= length;
      }
      const data = Buffer.alloc(stdoutEnd + stderrEnd - start, 'x');
      return { start, data, segments, stdoutEnd, stderrEnd, replacesFrom: null };
    });
  });

const piece: OutputPiece = {
  start: 10,
  data: Buffer.from('abcd'),
  segments: [3, -1],
  stdoutEnd: 9,
  stderrEnd: 5,
  replacesFrom: null,
};

describe('output within a result', () => {
  test('is kept as it was told', () => {
    fc.assert(
      fc.property(told, (pieces) => {
        expect(cleanOutput(pieces)).toEqual(pieces);
      }),
    );
  });

  test('may be long, and say only where it ends', () => {
    const long = { ...piece, start: 0, data: Buffer.alloc(8e6), segments: [8e6], stdoutEnd: 8e6, stderrEnd: 0 };
    const end = { ...piece, start: 9e6, data: Buffer.alloc(0), segments: [], stdoutEnd: 9e6, stderrEnd: 0 };
    // Comparing the bytes one by one would take half a minute.
    expect(cleanOutput([long, end]).map(({ data, start }) => [start, data.length])).toEqual([
      [0, 8e6],
      [9e6, 0],
    ]);
  });

  test.each<[string, OutputPiece[]]>([
    ['parts that do not add up', [{ ...piece, segments: [3] }]],
    ['an empty part', [{ ...piece, segments: [3, 0, -1] }]],
    ['an end that is not where it ends', [{ ...piece, stdoutEnd: 10 }]],
    ['more of a stream than it has written', [{ ...piece, stdoutEnd: 2, stderrEnd: 12 }]],
    ['a position below 0', [{ ...piece, start: -10, stdoutEnd: -7, stderrEnd: 1 }]],
    ['a position beyond counting', [{ ...piece, start: 2 ** 60, stdoutEnd: 2 ** 60, stderrEnd: 4 }]],
    ['a replacement', [{ ...piece, replacesFrom: 0 }]],
    ['the same piece twice', [piece, piece]],
    ['pieces that overlap', [piece, { ...piece, start: 12, stdoutEnd: 11 }]],
    ['pieces out of order', [{ ...piece, start: 20, stdoutEnd: 19 }, piece]],
    ['a stream that went back', [piece, { ...piece, start: 20, stdoutEnd: 8, stderrEnd: 16 }]],
  ])('with %s is dropped, and the result is not', (_, output) => {
    expect(cleanOutput(output)).toEqual([]);
    const report: FinishedReport = {
      ref,
      startedAgeUs: 2,
      endedAgeUs: 1,
      result: { reason: 'exited', exitCode: 7, signal: null, error: null },
      output,
      usage: { cpuMs: 3, peakMemoryBytes: 4 },
    };
    expect(cleanFinish(report)).toEqual({ ...report, output: [] });
  });
});

describe('output while a command runs', () => {
  test('is taken as it was told, also when it replaces what came before', () => {
    expect(isValidChunk({ ...piece, ref })).toBe(true);
    expect(isValidChunk({ ...piece, ref, replacesFrom: 10 })).toBe(true);
    expect(isValidChunk({ ...piece, ref, replacesFrom: 0 })).toBe(true);
  });

  test.each([
    ['an attempt that cannot be', { ref: { taskId: 'x', attempt: 1 } }],
    ['parts that do not add up', { segments: [4, -1] }],
    ['a replacement of what comes later', { replacesFrom: 11 }],
    ['a replacement of nothing', { replacesFrom: -1 }],
    [
      'more than a piece may be',
      { data: Buffer.alloc(2 ** 21), segments: [2 ** 21], stdoutEnd: 2 ** 21 + 6, stderrEnd: 4 },
    ],
  ])('with %s is refused', (_, over) => {
    expect(isValidChunk({ ...piece, ref, ...over })).toBe(false);
  });
});

describe('what an attempt used', () => {
  test.each([-1, 1.5, 2 ** 60, Number.NaN])('%s is not taken', (value) => {
    const report: FinishedReport = {
      ref,
      startedAgeUs: 2,
      endedAgeUs: 1,
      result: { reason: 'worker_lost', exitCode: null, signal: 'SIGKILL', error: 'has to leave' },
      output: [],
      usage: { cpuMs: value, peakMemoryBytes: value },
    };
    expect(cleanFinish(report)).toEqual({ ...report, usage: { cpuMs: null, peakMemoryBytes: null } });
  });
});
