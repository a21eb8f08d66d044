import { expect, test } from 'vitest';
import { Gate } from '../../src/coordinator/gate.ts';

test('lets so many through at once, the others in their order, and nobody waits for one that failed', async () => {
  const gate = new Gate(2);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const runs = Array.from({ length: 10 }, (_, n) =>
    gate.run(async () => {
      most = Math.max(most, ++inside);
      order.push(n);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      if (n % 3 === 0) throw new Error(`${n}`);
      return n;
    }),
  );
  const settled = await Promise.allSettled(runs);
  expect(settled.map(({ status }) => status === 'fulfilled')).toEqual(runs.map((_, n) => n % 3 !== 0));
  expect(most).toBe(2);
  expect(order).toEqual(runs.map((_, n) => n));
  expect(await gate.run(() => Promise.resolve('free'))).toBe('free');
});
