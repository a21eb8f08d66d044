import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReapingRight } from '../../src/coordinator/reaping-right.ts';

const LEASE_MS = 15_000;
const INTERVAL_MS = 5_000;

/** A right that has been steady for a full lease at `nowMs`. */
function steady(): { readonly right: ReapingRight; readonly nowMs: number } {
  const right = new ReapingRight(LEASE_MS, INTERVAL_MS);
  for (let nowMs = 0; nowMs <= LEASE_MS; nowMs += INTERVAL_MS) right.renewed(nowMs);
  return { right, nowMs: LEASE_MS };
}

describe('the right to reap', () => {
  test('comes when renewals have succeeded for a full lease', () => {
    const right = new ReapingRight(LEASE_MS, INTERVAL_MS);
    expect(right.holdsAt(1e9)).toBe(false);
    for (const nowMs of [0, 5_000, 10_000]) {
      right.renewed(nowMs);
      expect(right.holdsAt(nowMs)).toBe(false);
    }
    expect(right.holdsAt(14_999)).toBe(false);
    expect(right.holdsAt(15_000)).toBe(true);
  });

  test('goes with a gap, before the next renewal tells of it', () => {
    const { nowMs, right } = steady();
    expect(right.holdsAt(nowMs + 7_500)).toBe(true);
    expect(right.holdsAt(nowMs + 7_501)).toBe(false);
    right.renewed(nowMs + 7_501);
    expect(right.holdsAt(nowMs + 7_501)).toBe(false);
  });

  test('goes with the promise to hold off, though no renewal has failed', () => {
    const { nowMs, right } = steady();
    expect(right.holdsAt(nowMs)).toBe(true);
    expect(right.holdOff()).toBe(LEASE_MS);
    expect(right.holdsAt(nowMs)).toBe(false);
    // The full lease begins with the next success.
    for (let at = nowMs + 4_000; at < nowMs + 4_000 + LEASE_MS; at += 1_000) {
      right.renewed(at);
      expect(right.holdsAt(at)).toBe(false);
    }
    right.renewed(nowMs + 4_000 + LEASE_MS);
    expect(right.holdsAt(nowMs + 4_000 + LEASE_MS)).toBe(true);
  });

  test('never holds within a lease after a promise, nor without renewals that go back for a lease', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 9_000 }),
      what: fc.constantFrom('renewed', 'renewed', 'renewed', 'renewed', 'renewed', 'hold off', 'nothing'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const right = new ReapingRight(LEASE_MS, INTERVAL_MS);
        let nowMs = 0;
        let promisedAtMs = -Infinity;
        let firstRenewalMs = Infinity;
        for (const { waitMs, what } of steps) {
          nowMs += waitMs;
          if (what === 'hold off') {
            right.holdOff();
            promisedAtMs = nowMs;
          } else if (what === 'renewed') {
            right.renewed(nowMs);
            firstRenewalMs = Math.min(firstRenewalMs, nowMs);
          }
          if (right.holdsAt(nowMs)) {
            expect(nowMs - promisedAtMs).toBeGreaterThanOrEqual(LEASE_MS);
            expect(nowMs - firstRenewalMs).toBeGreaterThanOrEqual(LEASE_MS);
          }
        }
      }),
    );
  });
});
