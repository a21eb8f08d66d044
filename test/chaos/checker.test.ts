import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import { VIOLATION_KINDS, type Verdict, type Violation } from '../../chaos/checker/verdict.ts';
import { MACHINE_TOO_BUSY, type InjectedFault } from '../../chaos/events.ts';
import { falsifications } from './support/falsifications.ts';
import { cast } from './support/falsify.ts';
import { anyStory, type Story } from './support/story.ts';
import { tell } from './support/truth.ts';

/** What was found, without what was not. */
function violationsOf({ violations }: Verdict): Partial<Record<Violation, number>> {
  const found = VIOLATION_KINDS.filter((kind) => violations[kind].count > 0);
  return Object.fromEntries(found.map((kind) => [kind, violations[kind].count]));
}

function examplesOf({ violations }: Verdict): string[] {
  return VIOLATION_KINDS.flatMap((kind) => violations[kind].examples);
}

test('what is true is not called false', () => {
  fc.assert(
    fc.property(fc.array(anyStory, { maxLength: 20 }), (stories) => {
      const verdict = check(tell(stories));
      expect(examplesOf(verdict)).toEqual([]);
      expect(verdict.holds).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('for each violation there is a falsification', () => {
  expect(new Set(falsifications.map(({ violation }) => violation))).toEqual(new Set(VIOLATION_KINDS));
});

test('the history that is falsified is true', () => {
  expect(examplesOf(check(tell(cast)))).toEqual([]);
});

test.each(falsifications.map((falsification) => [`${falsification.violation}: ${falsification.lie}`, falsification]))(
  'finds exactly that: %s',
  (_, { names, tell: falsify, violation }) => {
    const verdict = check(falsify(tell(cast)));
    expect(violationsOf(verdict), examplesOf(verdict).join('\n')).toEqual({ [violation]: 1 });
    expect(verdict.violations[violation].examples[0]).toContain(names);
    expect(verdict.holds).toBe(false);
  },
);

test('finds one lie among many truths', () => {
  fc.assert(
    fc.property(fc.constantFrom(...falsifications), fc.array(anyStory, { maxLength: 20 }), (falsification, others) => {
      const verdict = check(falsification.tell(tell([...cast, ...others])));
      expect(violationsOf(verdict)).toEqual({ [falsification.violation]: 1 });
    }),
    { numRuns: 500 },
  );
});

test('counts all violations of a kind and shows the first five', () => {
  const story: Story = {
    pasts: [],
    final: { fate: 'exited', exitCode: 0 },
    delayMs: null,
    startsRecorded: false,
    bounded: true,
  };
  const history = tell(Array.from({ length: 12 }, () => story));
  const { violations } = check({ ...history, tasks: [] });
  expect(violations.lost.count).toBe(12);
  expect(violations.lost.examples).toHaveLength(5);
  expect(violations.lost.examples[0]).toContain('key-0');
});

test('a loss is explained by its fault for as long as PostgreSQL is away', () => {
  const kill = { kind: 'kill', target: 'worker-0-1', mayCost: ['worker-0-1'], recoveredAfterMs: 0, recovery: 'lost' };
  const away = { kind: 'stop', target: 'postgresql', mayCost: [], recoveredAfterMs: 0, recovery: 'answers' };
  const history = tell([cast[1]!]);
  const [{ beganMs }] = history.faults as [InjectedFault];
  const later = {
    ...history,
    transitions: history.transitions.map((change) =>
      change.from === 'running' && change.attempt === 1 ? { ...change, atMs: beganMs + 300_000 } : change,
    ),
  };
  const killed = { ...kill, beganMs, healedMs: beganMs };
  const stopped = (fromMs: number, toMs: number) => ({ ...away, beganMs: beganMs + fromMs, healedMs: beganMs + toMs });
  const found = (...faults: InjectedFault[]) => violationsOf(check({ ...later, faults: [killed, ...faults] }));
  expect(found()).toEqual({ withoutCause: 1 });
  expect(found(stopped(30_000, 270_000))).toEqual({});
  expect(found(stopped(150_000, 270_000), stopped(30_000, 100_000))).toEqual({});
  expect(found(stopped(70_000, 270_000))).toEqual({ withoutCause: 1 });
  expect(found(stopped(-20_000, -10_000))).toEqual({ withoutCause: 1 });
});

test('counts what there was to judge', () => {
  const { totals } = check(tell(cast));
  expect(totals).toEqual({
    planned: 9,
    accepted: 9,
    states: {
      exited: { completed: 4, failed: 1 },
      'timed out': { failed: 1 },
      signalled: { failed: 1 },
      expired: { expired: 1 },
      'spawn error': { failed: 1 },
    },
    starts: 10,
    recorded: 11,
    lostAttempts: 2,
    startedAgain: 2,
    lostToBusyMachine: 0,
  });
});

test('counts apart what only a busy machine explains', () => {
  const lost = { fate: 'lost', started: true, exitCode: null } as const;
  const final = { fate: 'exited', exitCode: 0 } as const;
  const history = tell([{ pasts: [lost, lost], final, delayMs: null, startsRecorded: true, bounded: false }]);
  const [first, second] = history.faults as [InjectedFault, InjectedFault];
  const faults = [first, { ...second, kind: MACHINE_TOO_BUSY }];
  expect(check({ ...history, faults })).toMatchObject({
    holds: true,
    totals: { lostAttempts: 2, lostToBusyMachine: 1 },
    recovery: [{ kind: first.kind, faults: 1 }],
  });
});

test('counts as started again only what had started before', () => {
  const lost = { fate: 'lost', started: true, exitCode: null } as const;
  const story = { pasts: [lost], delayMs: null, startsRecorded: true, bounded: false };
  const startedAgain = (over: Partial<Story>) =>
    check(tell([{ ...story, final: { fate: 'exited', exitCode: 0 }, ...over }])).totals.startedAgain;
  expect(startedAgain({})).toBe(1);
  expect(startedAgain({ pasts: [lost, lost] })).toBe(2);
  expect(startedAgain({ pasts: [{ ...lost, started: false }] })).toBe(0);
  expect(startedAgain({ final: { fate: 'expired' } })).toBe(0);
  expect(startedAgain({ pasts: [], final: { fate: 'lost' } })).toBe(0);
});

test('shows the lines that prove it, and no others', () => {
  const two = tell([cast[3]!]);
  const wrong = {
    ...two,
    planned: two.planned.map((task) => ({ ...task, body: {} })),
    ledger: two.ledger.map((line) => (line.kind === 'end' && line.attempt === 1 ? { ...line, exitCode: 4 } : line)),
  };
  const { contradicted, withoutCause } = check(wrong).violations;
  for (const { examples } of [contradicted, withoutCause]) {
    const shown = examples[0]!.split('\n').filter((line) => line.includes('ledger:'));
    expect(shown).toEqual([
      expect.stringMatching(
        /^ {2}ledger: attempt 1 started on worker-0-1 .* at 2030-01-01T00:00:00\.\d{9}Z, lock held$/,
      ),
      expect.stringMatching(/^ {2}ledger: attempt 1 ended with 4 at 2030-/),
    ]);
  }
});

test('the sixth attempt that is lost may fail any task, and no earlier one', () => {
  const worn = (losses: number): Story => ({
    pasts: Array.from({ length: losses }, () => ({ fate: 'lost', started: true, exitCode: null })),
    final: { fate: 'lost' },
    delayMs: null,
    startsRecorded: true,
    bounded: false,
  });
  const history = tell([worn(5), worn(4)]);
  const planned = history.planned.map((task) => ({ ...task, mayEnd: ['completed'] as const }));
  const verdict = check({ ...history, planned });
  expect(violationsOf(verdict)).toEqual({ endedOtherwise: 1 });
  expect(verdict.violations.endedOtherwise.examples[0]).toContain('key-1');
});

test('gathers how long recovery took, by the kind of the fault', () => {
  const fault = { target: 'worker-1', mayCost: [], beganMs: 0, healedMs: 0, recovery: 'it answers' };
  const faults = [
    { ...fault, kind: 'pause', recoveredAfterMs: 30 },
    { ...fault, kind: 'kill', recoveredAfterMs: null },
    { ...fault, kind: 'pause', recoveredAfterMs: 4 },
  ];
  expect(check({ ...tell([]), faults }).recovery).toEqual([
    { kind: 'kill', faults: 1, afterMs: [] },
    { kind: 'pause', faults: 2, afterMs: [4, 30] },
  ]);
});

test('refuses a plan with two tasks of one key', () => {
  const history = tell([cast[0]!]);
  expect(() => check({ ...history, planned: [...history.planned, ...history.planned] })).toThrow('same key');
});
