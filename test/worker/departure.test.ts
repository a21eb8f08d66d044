import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Departure } from '../../src/worker/departure.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function departureOf(options: { maxTasks?: number; idleExitMs?: number } = {}) {
  const events: string[] = [];
  const departure = new Departure({
    logger: pino({ level: 'silent' }),
    now: () => performance.now(),
    maxTasks: options.maxTasks ?? null,
    idleExitMs: options.idleExitMs ?? null,
    onDraining: () => events.push('draining'),
    onHandBack: () => events.push('hand back'),
  });
  return { departure, events };
}

describe('draining', () => {
  test('is said once, and without a timeout lasts', () => {
    const { departure, events } = departureOf();
    departure.drain('why', null);
    departure.drain('why', null);
    vi.advanceTimersByTime(2 ** 40);
    expect(events).toEqual(['draining']);
    expect(departure).toMatchObject({ draining: true, handingBack: false });
  });

  test('hands back after its timeout; a shorter one counts, a longer one or none does not', () => {
    const { departure, events } = departureOf();
    departure.drain('why', 10_000);
    departure.drain('why', 1_000);
    departure.drain('why', 5_000);
    departure.drain('why', null);
    vi.advanceTimersByTime(999);
    expect(events).toEqual(['draining']);
    vi.advanceTimersByTime(1);
    expect(events).toEqual(['draining', 'hand back']);
    vi.advanceTimersByTime(20_000);
    expect(events).toHaveLength(2);
  });

  test('a timeout longer than a timer takes', () => {
    const { departure, events } = departureOf();
    departure.drain('why', 2 ** 32);
    vi.advanceTimersByTime(2 ** 32 - 1);
    expect(events).toEqual(['draining']);
    vi.advanceTimersByTime(1);
    expect(events).toEqual(['draining', 'hand back']);
  });

  test('handing back is draining, too', () => {
    const { departure, events } = departureOf();
    departure.handBack('why');
    departure.handBack('why');
    expect(events).toEqual(['draining', 'hand back']);
  });

  test('nothing happens after it has left', () => {
    const { departure, events } = departureOf({ idleExitMs: 10 });
    departure.idle();
    departure.drain('why', 1_000);
    departure.close();
    vi.advanceTimersByTime(10_000);
    expect(events).toEqual(['draining']);
  });
});

test('it leaves when it has taken as many tasks as it may, without a time to hand them back at', () => {
  const { departure, events } = departureOf({ maxTasks: 2 });
  expect(departure.remaining).toBe(2);
  departure.took();
  expect(departure).toMatchObject({ remaining: 1, draining: false });
  departure.took();
  expect(departure).toMatchObject({ remaining: 0, draining: true });
  departure.took(); // crossed on its way
  vi.advanceTimersByTime(1e9);
  expect(events).toEqual(['draining']);
  expect(departure.remaining).toBe(0);
  departure.drain('told to', 5);
  vi.advanceTimersByTime(5);
  expect(events).toEqual(['draining', 'hand back']);
});

test('it leaves when it is idle for long enough without a break', () => {
  const { departure, events } = departureOf({ idleExitMs: 1_000 });
  departure.idle();
  vi.advanceTimersByTime(900);
  departure.took();
  vi.advanceTimersByTime(5_000);
  departure.idle();
  vi.advanceTimersByTime(900);
  departure.idle(); // no news
  vi.advanceTimersByTime(99);
  expect(events).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(events).toEqual(['draining']);
});

test('without a limit it takes any number and stays', () => {
  const { departure, events } = departureOf();
  for (let i = 0; i < 1_000; i += 1) departure.took();
  departure.idle();
  vi.advanceTimersByTime(1e12);
  expect(departure.remaining).toBe(Infinity);
  expect(events).toEqual([]);
});
