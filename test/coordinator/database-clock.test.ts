import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DatabaseClock } from '../../src/coordinator/database-clock.ts';

describe('DatabaseClock', () => {
  test('is never ahead of PostgreSQL, whatever the network does', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            waitMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
            outMs: fc.double({ min: 0, max: 500, noNaN: true }),
            backMs: fc.double({ min: 0, max: 500, noNaN: true }),
            thenMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
          }),
          { minLength: 1 },
        ),
        fc.double({ min: -1e12, max: 1e12, noNaN: true }),
        (samples, offsetMs) => {
          let monotonic = 0;
          const clock = new DatabaseClock(() => monotonic);
          for (const { backMs, outMs, thenMs, waitMs } of samples) {
            const sent = (monotonic += waitMs);
            const answered = (monotonic += outMs) + offsetMs;
            monotonic += backMs;
            clock.observe(answered, sent);
            expect(clock.nowMs()).toBeLessThanOrEqual(monotonic + offsetMs + 1e-3);
            monotonic += thenMs;
            expect(clock.nowMs()).toBeLessThanOrEqual(monotonic + offsetMs + 1e-3);
          }
        },
      ),
    );
  });

  test('follows a step of the clock at the next sample', () => {
    let monotonic = 0;
    const clock = new DatabaseClock(() => monotonic);
    expect(clock.nowMs()).toBe(-Infinity);
    monotonic = 1;
    clock.observe(1_000_000, 0);
    expect(clock.nowMs()).toBeCloseTo(1_000_000, 0);
    // A worse reading that says the same is not taken, a step back is, however bad the reading.
    monotonic = 101;
    clock.observe(1_000_050, 1);
    expect(clock.nowMs()).toBeCloseTo(1_000_099.5, 0);
    monotonic = 201;
    clock.observe(400_000, 101);
    expect(clock.nowMs()).toBeCloseTo(400_000, 0);
  });
});
