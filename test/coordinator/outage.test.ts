import { expect, test } from 'vitest';
import { Outage } from '../../src/coordinator/outage.ts';

test('an outage is told with what is wrong and since when', () => {
  const outage = new Outage();
  expect([outage.on, outage.describe(0)]).toEqual([false, null]);
  outage.note(1_000);
  expect(outage.describe(2_400)).toBe('unavailable for 1 s: it does not answer');
  outage.note(5_000, Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }));
  expect([outage.on, outage.describe(13_000)]).toEqual([true, 'unavailable for 12 s: connection refused']);
  outage.end();
  expect([outage.on, outage.describe(14_000)]).toEqual([false, null]);
});
