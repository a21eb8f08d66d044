import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timeLimitOf } from '../../src/worker/time-limit.ts';

test('without a timeout there is no limit, whatever the warning', () => {
  expect(timeLimitOf({}, null)).toBeNull();
  expect(timeLimitOf({ warn_signal: 'SIGUSR1', warn_before_ms: 1 }, null)).toBeNull();
});

test('the nearer one decides, and is named', () => {
  expect(timeLimitOf({ timeout_ms: 1_000 }, null)).toEqual({
    afterMs: 1_000,
    error: 'ran longer than timeout_ms (1000 ms)',
    warning: null,
  });
  expect(timeLimitOf({ timeout_ms: 1_000 }, 999)).toMatchObject({
    afterMs: 999,
    error: 'the task took longer than total_timeout_ms',
  });
  expect(timeLimitOf({ timeout_ms: 1_000 }, 1_000)).toMatchObject({ error: 'ran longer than timeout_ms (1000 ms)' });
});

test('the warning comes before the limit, or not at all when its moment is past', () => {
  const options = { timeout_ms: 1_000, warn_signal: 'SIGUSR1', warn_before_ms: 400 } as const;
  expect(timeLimitOf(options, null)?.warning).toEqual({ afterMs: 600, signal: 'SIGUSR1' });
  expect(timeLimitOf(options, 500)?.warning).toEqual({ afterMs: 100, signal: 'SIGUSR1' });
  expect(timeLimitOf(options, 300)?.warning).toBeNull();
});

test('never later than either', () => {
  const ms = fc.option(fc.integer({ min: 1, max: 2 ** 45 }));
  fc.assert(
    fc.property(ms, ms, fc.nat(), (own, total, before) => {
      const options = {
        ...(own === null ? {} : { timeout_ms: own }),
        warn_signal: 'SIGHUP',
        warn_before_ms: before,
      } as const;
      const limit = timeLimitOf(options, total);
      if (own === null && total === null) return limit === null;
      return (
        limit !== null &&
        limit.afterMs <= (own ?? Infinity) &&
        limit.afterMs <= (total ?? Infinity) &&
        (limit.warning === null || (limit.warning.afterMs >= 0 && limit.warning.afterMs <= limit.afterMs))
      );
    }),
  );
});
