import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/worker/answer.ts';
import { Outlook } from '../../src/worker/outlook.ts';

const LEASE_MS = 15_000;
const holdsOff = (askedAtMs: number, holdsOffMs = LEASE_MS): Answer => ({
  kind: 'holds_off',
  askedAtMs,
  holdsOffMs,
  why: '',
});
const absent = (askedAtMs: number): Answer => ({ kind: 'absent', askedAtMs, why: '' });
const renewing: Answer = { kind: 'renewing', coordinatorId: 'x', sessions: 0 };
const older: Answer = { kind: 'older', why: '' };
const unknown: Answer = { kind: 'unknown', why: '' };

/** Of as many coordinators as there are lists; each hears its answers in turn. */
function outlookOf(...answers: readonly (readonly Answer[])[]): Outlook {
  const outlook = new Outlook();
  outlook.know(new Set(answers.map((_, i) => String(i))));
  for (const [i, each] of answers.entries()) for (const answer of each) outlook.hear(String(i), answer);
  return outlook;
}

describe('held off until', () => {
  test.each([
    ['the earliest that any of them says', [[holdsOff(100)], [holdsOff(50)]], 15_050],
    ['what the newest statement of each says', [[holdsOff(50), holdsOff(100)]], 15_100],
    [
      'what the newest statement of each says, when they come in another order',
      [[holdsOff(100), holdsOff(50)]],
      15_100,
    ],
    [
      'a lease after nobody was found there, since who comes there has to wait for that long',
      [[holdsOff(100)], [absent(30)]],
      15_030,
    ],
    ['as they say, not as long as the lease is', [[holdsOff(100, 4_000)], [holdsOff(100)]], 4_100],
    ['what was said before, when there is no answer', [[holdsOff(100), unknown]], 15_100],
  ])('%s', (_, answers, expected) => {
    expect(outlookOf(...answers).heldOffUntil(200, LEASE_MS)).toBe(expected);
  });

  test.each([
    ['nothing was said', [[], []]],
    ['one has not answered', [[holdsOff(100)], [unknown]]],
    ['one reaches PostgreSQL', [[holdsOff(100)], [renewing]]],
    ['one reaches PostgreSQL again', [[holdsOff(100)], [holdsOff(100), renewing]]],
    ['one does not say', [[holdsOff(100)], [older]]],
    ['nobody is anywhere', [[absent(100)], [absent(100)]]],
    ['there is no coordinator', []],
  ])('is not known when %s', (_, answers) => {
    expect(outlookOf(...answers).heldOffUntil(200, LEASE_MS)).toBeNull();
  });

  test('what was said longer than a lease ago does not count', () => {
    const outlook = outlookOf([holdsOff(100, 60_000)]);
    expect(outlook.heldOffUntil(100 + LEASE_MS, LEASE_MS)).toBe(60_100);
    expect(outlook.heldOffUntil(101 + LEASE_MS, LEASE_MS)).toBeNull();
  });

  test('one that is new must say so, too, and one that is gone need not', () => {
    const outlook = outlookOf([holdsOff(100)], [unknown]);
    outlook.know(new Set(['0']));
    expect(outlook.heldOffUntil(200, LEASE_MS)).toBe(15_100);
    outlook.know(new Set(['0', 'new']));
    expect(outlook.heldOffUntil(200, LEASE_MS)).toBeNull();
  });

  test('what one said that was gone for a while is forgotten', () => {
    const outlook = outlookOf([holdsOff(100)], [holdsOff(100)]);
    outlook.know(new Set(['0']));
    outlook.know(new Set(['0', '1']));
    expect(outlook.heldOffUntil(200, LEASE_MS)).toBeNull();
  });
});

test('never past what any coordinator has said last, and only when all have spoken', () => {
  const COORDINATORS = 3;
  const atMs = fc.integer({ min: 0, max: 40_000 });
  const answer: fc.Arbitrary<Answer> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(atMs, fc.integer({ min: 0, max: 20_000 })).map(([asked, ms]) => holdsOff(asked, ms)),
    },
    { weight: 2, arbitrary: atMs.map(absent) },
    fc.constantFrom(renewing, older, unknown),
  );
  const told = fc.array(fc.tuple(fc.nat({ max: COORDINATORS - 1 }), answer), { maxLength: 30 });
  let known = 0;
  fc.assert(
    fc.property(told, atMs, (all, nowMs) => {
      const outlook = outlookOf(...Array.from({ length: COORDINATORS }, () => []));
      for (const [i, each] of all) outlook.hear(String(i), each);
      const untilMs = outlook.heldOffUntil(nowMs, LEASE_MS);
      if (untilMs === null) return;
      known += 1;
      let holding = 0;
      for (let i = 0; i < COORDINATORS; i += 1) {
        // The statement that holds: the newest since it last said that it reaches PostgreSQL.
        const own = all.filter(([of]) => of === i).map(([, each]) => each);
        const since = own.slice(own.findLastIndex(({ kind }) => kind === 'renewing') + 1);
        const statements = since.filter((each) => each.kind === 'holds_off' || each.kind === 'absent');
        const newest = statements.sort((a, b) => a.askedAtMs - b.askedAtMs).at(-1);
        expect(newest).toBeDefined();
        expect(newest!.askedAtMs).toBeGreaterThanOrEqual(nowMs - LEASE_MS);
        const says = newest!.askedAtMs + (newest!.kind === 'absent' ? LEASE_MS : newest!.holdsOffMs);
        expect(untilMs).toBeLessThanOrEqual(says);
        if (newest!.kind === 'holds_off') holding += 1;
      }
      expect(holding).toBeGreaterThan(0);
    }),
    { numRuns: 5_000 },
  );
  expect(known).toBeGreaterThan(100); // it was about something
});
