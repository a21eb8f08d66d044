import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffCeilingMs } from '../../src/worker/backoff.ts';
import { transition, type ConnectionEvent, type ConnectionState } from '../../src/worker/connection-state.ts';

const LONGEST_CHANCE = 0.999;
const around = (addresses: number) => ({ addresses, random: () => LONGEST_CHANCE });

function follow(events: readonly ConnectionEvent[], addresses: number): ConnectionState {
  return events.reduce<ConnectionState>((state, event) => transition(state, event, around(addresses)), {
    kind: 'idle',
  });
}

const dial = { kind: 'dial' } as const;
const registered = { kind: 'registered' } as const;
const ended = { kind: 'ended', hopeless: false } as const;
const leave = { kind: 'leave' } as const;
const failedTry = [dial, ended];

describe('finding a coordinator', () => {
  test('after a refusal the next address is tried at once, and a round of refusals is followed by a wait', () => {
    expect(follow([dial], 3)).toEqual({ kind: 'registering', address: 0, failures: 0 });
    expect(follow(failedTry, 3)).toEqual({ kind: 'waiting', address: 1, failures: 1, delayMs: 0 });
    expect(follow([...failedTry, ...failedTry], 3)).toEqual({ kind: 'waiting', address: 2, failures: 2, delayMs: 0 });
    expect(follow([...failedTry, ...failedTry, ...failedTry], 3)).toEqual({
      kind: 'waiting',
      address: 0,
      failures: 3,
      delayMs: backoffCeilingMs(0) * LONGEST_CHANCE,
    });
  });

  test('waits grow with each round, and a registration resets them', () => {
    const rounds = (n: number) => Array.from({ length: n }, () => failedTry).flat();
    expect(follow(rounds(4), 1)).toMatchObject({ delayMs: backoffCeilingMs(3) * LONGEST_CHANCE });
    expect(follow([...rounds(4), dial, registered, ended], 1)).toEqual({
      kind: 'waiting',
      address: 0,
      failures: 0,
      delayMs: backoffCeilingMs(0) * LONGEST_CHANCE,
    });
    expect(follow([...rounds(4), dial, registered, ended, ...failedTry], 1)).toMatchObject({
      failures: 1,
      delayMs: backoffCeilingMs(0) * LONGEST_CHANCE,
    });
  });

  test('a fault that only a person can cure is tried again at the slowest rate', () => {
    expect(follow([dial, { kind: 'ended', hopeless: true }], 1)).toMatchObject({ delayMs: 5_000 * LONGEST_CHANCE });
  });

  test('a lost session is followed by one with the next coordinator', () => {
    expect(follow([dial, registered, ended], 2)).toMatchObject({ kind: 'waiting', address: 1 });
  });
});

describe('leaving', () => {
  test('says goodbye where somebody listens, and otherwise just goes', () => {
    expect(follow([dial, registered, leave], 1)).toEqual({ kind: 'leaving' });
    expect(follow([dial, registered, leave, ended], 1)).toEqual({ kind: 'closed' });
    expect(follow([leave], 1)).toEqual({ kind: 'closed' });
    expect(follow([dial, leave], 1)).toEqual({ kind: 'closed' });
    expect(follow([...failedTry, leave], 1)).toEqual({ kind: 'closed' });
  });

  test('aborting ends it from every state', () => {
    for (const before of [[], [dial], [dial, registered], failedTry, [dial, registered, leave]]) {
      expect(follow([...before, { kind: 'abort' }], 1)).toEqual({ kind: 'closed' });
    }
  });
});

test('whatever happens, the address is in the list, and nothing follows the end', () => {
  const event: fc.Arbitrary<ConnectionEvent> = fc.oneof(
    fc.constant(dial),
    fc.constant(registered),
    fc.boolean().map((hopeless) => ({ kind: 'ended' as const, hopeless })),
    fc.constant(leave),
    fc.constant({ kind: 'abort' as const }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (events, addresses) => {
      let state: ConnectionState = { kind: 'idle' };
      for (const each of events) {
        const next: ConnectionState = transition(state, each, around(addresses));
        if (state.kind === 'closed') expect(next).toBe(state);
        if (state.kind === 'leaving') expect(['leaving', 'closed']).toContain(next.kind);
        if ('address' in next) expect(next.address).toBeLessThan(addresses);
        if (next.kind === 'registered') expect(['registering', 'registered']).toContain(state.kind);
        state = next;
      }
    }),
  );
});
