import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffCeilingMs, backoffMs } from '../../src/worker/backoff.ts';

const rounds = fc.nat({ max: 5_000 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('the first wait is at most 100 ms, and no wait is longer than 5 s', () => {
  expect([0, 1, 2, 5, 6, 7].map(backoffCeilingMs)).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
});

test('the ceiling never shrinks and never passes 5 s, however often it fails', () => {
  fc.assert(
    fc.property(rounds, (n) => {
      expect(backoffCeilingMs(n)).toBeLessThanOrEqual(backoffCeilingMs(n + 1));
      expect(backoffCeilingMs(n)).toBeGreaterThanOrEqual(100);
      expect(backoffCeilingMs(n)).toBeLessThanOrEqual(5_000);
    }),
  );
});

test('the wait is the ceiling times chance: full jitter', () => {
  fc.assert(
    fc.property(rounds, chance, (n, x) => {
      const wait = backoffMs(n, () => x);
      expect(wait).toBe(backoffCeilingMs(n) * x);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThan(backoffCeilingMs(n));
    }),
  );
});
