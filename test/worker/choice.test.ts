import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/worker/answer.ts';
import { chooseAny, chooseFewer, chooseOther, ownRenews } from '../../src/worker/choice.ts';
import type { Answers } from '../../src/worker/survey.ts';

const renewing = (sessions: number, coordinatorId: string): Answer => ({ kind: 'renewing', coordinatorId, sessions });
const holdsOff: Answer = { kind: 'holds_off', askedAtMs: 0, holdsOffMs: 1, why: '' };
const absent: Answer = { kind: 'absent', askedAtMs: 0, why: '' };
const unknown: Answer = { kind: 'unknown', why: '' };
const older: Answer = { kind: 'older', why: '' };

const answersOf = (all: Readonly<Record<string, Answer>>): Answers => new Map(Object.entries(all));
const own = { address: 'own', coordinatorId: 'OWN' };

/** How often each is chosen, of `times` choices by chances that are spread evenly. */
function spread(times: number, choose: (random: () => number) => string | null): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i += 1) {
    const chosen = String(choose(() => (i + 0.5) / times));
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  return counts;
}

describe('without a session', () => {
  test('the fewer sessions one has, the more go there', () => {
    const answers = answersOf({ a: renewing(0, 'A'), b: renewing(1, 'B'), c: renewing(3, 'C') });
    // 1, 1/2 and 1/4 of 7/4
    expect(spread(700, (random) => chooseAny(answers, [], random))).toEqual({ a: 400, b: 200, c: 100 });
  });

  test('of 200 that choose by chance each coordinator gets its part', () => {
    const answers = answersOf({ a: renewing(100, 'A'), b: renewing(100, 'B'), c: renewing(49, 'C') });
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 200; i += 1) counts[chooseAny(answers, [], Math.random)!]! += 1;
    // Expected 50, 50 and 100; six times the standard deviation is allowed for.
    expect(counts.a).toBeGreaterThan(13);
    expect(counts.b).toBeGreaterThan(13);
    expect(counts.c).toBeGreaterThan(57);
  });

  test('only to those who reach PostgreSQL, or may', () => {
    const answers = answersOf({ a: holdsOff, b: absent, c: unknown, d: older });
    expect(spread(10, (random) => chooseAny(answers, [], random))).toEqual({ d: 10 });
    expect(chooseAny(answersOf({ a: holdsOff, b: absent, c: unknown }), [], Math.random)).toBeNull();
    expect(chooseAny(new Map(), [], Math.random)).toBeNull();
  });

  test('to those where it has just failed only when there are no others', () => {
    const answers = answersOf({ a: renewing(0, 'A'), b: renewing(999, 'B') });
    expect(spread(10, (random) => chooseAny(answers, ['a'], random))).toEqual({ b: 10 });
    expect(Object.keys(spread(2_000, (random) => chooseAny(answers, ['a', 'b'], random)))).toEqual(['a', 'b']);
  });

  test('one with two addresses is one', () => {
    const answers = answersOf({ a4: renewing(4, 'A'), a6: renewing(4, 'A'), b: renewing(4, 'B') });
    expect(spread(100, (random) => chooseAny(answers, [], random))).toMatchObject({ b: 50 });
  });
});

describe('when its coordinator cannot reach PostgreSQL', () => {
  test('to another that can', () => {
    const answers = answersOf({ own: holdsOff, a: renewing(5, 'A'), b: holdsOff, c: older });
    expect(spread(10, (random) => chooseOther(answers, own, false, random))).toEqual({ a: 10 });
  });

  test('nowhere when there is none; to an older version, which does not say, only in despair', () => {
    const answers = answersOf({ own: holdsOff, b: absent, c: older });
    expect(chooseOther(answers, own, false, Math.random)).toBeNull();
    expect(chooseOther(answers, own, true, Math.random)).toBe('c');
    expect(chooseOther(answersOf({ own: older }), own, true, Math.random)).toBeNull();
  });

  test('not to another address of the same one; to another one at the same address', () => {
    expect(chooseOther(answersOf({ own: unknown, own6: renewing(0, 'OWN') }), own, true, Math.random)).toBeNull();
    expect(chooseOther(answersOf({ own: renewing(0, 'NEW') }), own, false, Math.random)).toBe('own');
  });

  test('its own may say that it can', () => {
    expect(ownRenews(answersOf({ own: renewing(1, 'OWN'), a: renewing(0, 'A') }), own)).toBe(true);
    expect(ownRenews(answersOf({ own: holdsOff, a: renewing(0, 'A') }), own)).toBe(false);
    expect(ownRenews(answersOf({ own: renewing(1, 'NEW') }), own)).toBe(false);
  });
});

describe('asked to rebalance', () => {
  test('to one that has at least 2 fewer', () => {
    const answers = answersOf({ own: renewing(5, 'OWN'), a: renewing(4, 'A'), b: renewing(3, 'B'), c: holdsOff });
    expect(spread(10, (random) => chooseFewer(answers, own, random))).toEqual({ b: 10 });
  });

  test('nowhere when it is not known how many its own has', () => {
    expect(chooseFewer(answersOf({ own: unknown, a: renewing(0, 'A') }), own, Math.random)).toBeNull();
    expect(chooseFewer(answersOf({ own: holdsOff, a: renewing(0, 'A') }), own, Math.random)).toBeNull();
  });

  test('never makes the difference larger', () => {
    const sessions = fc.nat({ max: 20 });
    fc.assert(
      fc.property(
        sessions,
        sessions,
        sessions,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (mine, a, b, chance) => {
          const answers = answersOf({ own: renewing(mine, 'OWN'), a: renewing(a, 'A'), b: renewing(b, 'B') });
          const chosen = chooseFewer(answers, own, () => chance);
          if (chosen === null) expect(Math.min(a, b)).toBeGreaterThan(mine - 2);
          else expect({ a, b }[chosen]! + 1).toBeLessThan(mine);
        },
      ),
    );
  });
});
