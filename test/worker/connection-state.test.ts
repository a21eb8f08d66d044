import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffCeilingMs } from '../../src/worker/backoff.ts';
import { transition, type ConnectionEvent, type ConnectionState } from '../../src/worker/connection-state.ts';

const LONGEST_CHANCE = 0.999;
const around = (longestPauseMs = Infinity) => ({ longestPauseMs, random: () => LONGEST_CHANCE });
const longest = (rounds: number) => backoffCeilingMs(rounds) * LONGEST_CHANCE;

function follow(events: readonly ConnectionEvent[], longestPauseMs?: number): ConnectionState {
  return events.reduce<ConnectionState>((state, event) => transition(state, event, around(longestPauseMs)), {
    kind: 'idle',
  });
}

const look = { kind: 'look' } as const;
const found = (address: string) => ({ kind: 'surveyed', address }) as const;
const foundNone = { kind: 'surveyed', address: null } as const;
const registered = { kind: 'registered' } as const;
const ended = { kind: 'ended', hopeless: false } as const;
const leave = { kind: 'leave' } as const;
const move = (address: string) => ({ kind: 'move', address }) as const;
const times = (n: number, events: readonly ConnectionEvent[]) => Array.from({ length: n }, () => events).flat();

describe('finding a coordinator', () => {
  test('all are asked, then one is registered with', () => {
    const search = { failures: 0, tried: [] };
    expect(follow([look])).toEqual({ kind: 'surveying', search });
    expect(follow([look, found('a')])).toEqual({ kind: 'registering', address: 'a', search });
    expect(follow([look, found('a'), registered])).toEqual({ kind: 'registered', address: 'a' });
  });

  test('when nobody serves it waits, longer each time, and asks again', () => {
    for (const n of [1, 2, 3, 4]) {
      expect(follow(times(n, [look, foundNone]))).toEqual({
        kind: 'waiting',
        search: { failures: n, tried: [] },
        delayMs: longest(n - 1),
      });
    }
    expect(follow([look, foundNone, look])).toMatchObject({ kind: 'surveying' });
  });

  test('those where it failed are remembered until there are no others, or it has registered', () => {
    const failAt = (address: string) => [look, found(address), ended];
    expect(follow([...failAt('a'), ...failAt('b')])).toMatchObject({
      search: { failures: 2, tried: ['a', 'b'] },
      delayMs: longest(1),
    });
    expect(follow([...failAt('a'), look, foundNone])).toMatchObject({ search: { tried: ['a'] } });
    expect(follow([...failAt('a'), ...failAt('b'), ...failAt('a')])).toMatchObject({ search: { tried: ['a'] } });
    expect(follow([...failAt('a'), look, found('b'), registered, ended])).toEqual({
      kind: 'waiting',
      search: { failures: 0, tried: ['b'] },
      delayMs: longest(0),
    });
  });

  test('a fault that only a person can cure is tried again at the slowest rate', () => {
    expect(follow([look, found('a'), { kind: 'ended', hopeless: true }])).toMatchObject({ delayMs: longest(16) });
  });

  test('no wait is longer than it may be', () => {
    expect(follow(times(9, [look, foundNone]), 70)).toMatchObject({ delayMs: 70 });
    expect(follow([look, found('a'), { kind: 'ended', hopeless: true }], 70)).toMatchObject({ delayMs: 70 });
    expect(follow([look, found('a'), registered, ended], 70)).toMatchObject({ delayMs: 70 });
  });
});

describe('moving', () => {
  test('goes from one coordinator to the other without a wait', () => {
    expect(follow([look, found('a'), registered, move('b')])).toEqual({
      kind: 'registering',
      address: 'b',
      search: { failures: 0, tried: [] },
    });
  });

  test('only a registered worker does', () => {
    for (const before of [[], [look], [look, found('a')], [look, foundNone], [leave]]) {
      expect(follow([...before, move('b')])).toEqual(follow(before));
    }
  });
});

describe('leaving', () => {
  test('says goodbye where somebody listens, and otherwise just goes', () => {
    expect(follow([look, found('a'), registered, leave])).toEqual({ kind: 'leaving' });
    expect(follow([look, found('a'), registered, leave, ended])).toEqual({ kind: 'closed' });
    for (const before of [[], [look], [look, found('a')], [look, foundNone]]) {
      expect(follow([...before, leave])).toEqual({ kind: 'closed' });
    }
  });

  test('aborting ends it from every state', () => {
    const registeredAtA = [look, found('a'), registered];
    for (const before of [
      [],
      [look],
      [look, found('a')],
      registeredAtA,
      [look, foundNone],
      [...registeredAtA, leave],
    ]) {
      expect(follow([...before, { kind: 'abort' }])).toEqual({ kind: 'closed' });
    }
  });
});

test('whatever happens, waits are as long as they may be at most, and nothing follows the end', () => {
  const address = fc.constantFrom('a', 'b', 'c');
  const event: fc.Arbitrary<ConnectionEvent> = fc.oneof(
    fc.constant(look),
    fc.option(address).map((each) => ({ kind: 'surveyed' as const, address: each })),
    fc.constant(registered),
    address.map(move),
    fc.boolean().map((hopeless) => ({ kind: 'ended' as const, hopeless })),
    fc.constant(leave),
    fc.constant({ kind: 'abort' as const }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 10_000 }), (events, longestPauseMs) => {
      let state: ConnectionState = { kind: 'idle' };
      for (const each of events) {
        const next: ConnectionState = transition(state, each, around(longestPauseMs));
        if (state.kind === 'closed') expect(next).toBe(state);
        if (state.kind === 'leaving') expect(['leaving', 'closed']).toContain(next.kind);
        if (next.kind === 'registered') expect(['registering', 'registered']).toContain(state.kind);
        if (next.kind === 'waiting') expect(next.delayMs).toBeLessThanOrEqual(Math.min(5_000, longestPauseMs));
        if ('search' in next) expect(next.search.tried).toEqual([...new Set(next.search.tried)]);
        state = next;
      }
    }),
  );
});
