import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WakeAnnouncer } from '../../src/scheduler/wake-announcer.ts';

const logger = pino({ level: 'silent' });

describe('WakeAnnouncer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('lets one statement in five milliseconds announce', () => {
    const announcer = new WakeAnnouncer(() => Promise.resolve(), logger);
    expect(announcer.mayAnnounce()).toBe(true);
    expect(announcer.mayAnnounce()).toBe(false);
    vi.advanceTimersByTime(4);
    expect(announcer.mayAnnounce()).toBe(false);
    vi.advanceTimersByTime(1);
    expect(announcer.mayAnnounce()).toBe(true);
  });
});

describe('what a WakeAnnouncer owes', () => {
  test('is announced once for all, and again for what comes meanwhile', async () => {
    const ends: (() => void)[] = [];
    const announcer = new WakeAnnouncer(() => new Promise((resolve) => ends.push(resolve)), logger);
    for (let i = 0; i < 10; i++) announcer.owe();
    await vi.waitUntil(() => ends.length === 1);
    announcer.owe();
    ends[0]?.();
    await vi.waitUntil(() => ends.length === 2);
    ends[1]?.();
    await announcer.settled();
    announcer.owe();
    await vi.waitUntil(() => ends.length === 3);
    ends[2]?.();
    await announcer.stop();
    expect(ends).toHaveLength(3);
  });

  test('is announced when PostgreSQL is back', async () => {
    let failures = 2;
    const announcer = new WakeAnnouncer(
      () => (failures-- > 0 ? Promise.reject(new Error('away')) : Promise.resolve()),
      logger,
    );
    announcer.owe();
    await announcer.settled();
    expect(failures).toBe(-1);
  });

  test('is announced at the stop, and left when that fails', async () => {
    let calls = 0;
    const announcer = new WakeAnnouncer(() => {
      calls++;
      return Promise.reject(new Error('away'));
    }, logger);
    announcer.mayAnnounce();
    announcer.owe();
    await announcer.stop();
    expect(calls).toBe(1);
  });
});
