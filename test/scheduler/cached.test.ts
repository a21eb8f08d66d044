import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cached } from '../../src/scheduler/cached.ts';
import { within } from '../../src/scheduler/within.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('cached', () => {
  test('reads once for all who ask while it is under way or fresh', async () => {
    let reads = 0;
    const read = cached(() => Promise.resolve(++reads), 2_000);
    expect(await Promise.all([read(), read()])).toEqual([1, 1]);
    vi.advanceTimersByTime(1_999);
    expect(await read()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await read()).toBe(2);
  });

  test('keeps no failure', async () => {
    let reads = 0;
    const read = cached(() => (++reads === 1 ? Promise.reject(new Error('away')) : Promise.resolve(reads)), 2_000);
    const both = await Promise.allSettled([read(), read()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await read()).toBe(2);
  });

  test('shares nothing but what is under way without a time', async () => {
    let reads = 0;
    const read = cached(() => Promise.resolve(++reads), 0);
    expect(await Promise.all([read(), read()])).toEqual([1, 1]);
    expect(await read()).toBe(2);
  });
});

describe('within', () => {
  test('returns what comes in time, fault or not', async () => {
    expect(await within(100, Promise.resolve('x'), 'it')).toBe('x');
    await expect(within(100, Promise.reject(new Error('no')), 'it')).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gives up on what does not', async () => {
    const waiting = within(100, new Promise(() => undefined), 'asking');
    vi.advanceTimersByTime(100);
    await expect(waiting).rejects.toMatchObject({
      code: 'unavailable',
      message: 'asking took longer than 100 ms; try again',
    });
  });
});
