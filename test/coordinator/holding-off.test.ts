import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReapingRight } from '../../src/coordinator/reaping-right.ts';
import type { Answer } from '../../src/worker/answer.ts';
import { Lease } from '../../src/worker/lease.ts';
import { Outlook } from '../../src/worker/outlook.ts';

/*
 * The protocol of ADR 0012 in a world where everything that can be late is, by as much as it likes: what coordinators
 * and workers decide with is the real thing, what lies between them a model. Nothing here knows why a coordinator holds
 * off; that it said so must be enough.
 */

const COORDINATORS = 3;

type Step =
  /** A heartbeat to the worker's coordinator. */
  | { readonly kind: 'beat' }
  /** The worker asks one of them for its standing. */
  | { readonly kind: 'ask'; readonly whom: number }
  /** From now on these are cut off from PostgreSQL. */
  | { readonly kind: 'cut'; readonly off: readonly boolean[] }
  /** A renewal of its own lease succeeds, though it may count as cut off. */
  | { readonly kind: 'renew'; readonly whom: number }
  /** One of them reaps, if it may. */
  | { readonly kind: 'reap'; readonly whom: number }
  /** The worker registers with another. */
  | { readonly kind: 'move'; readonly whom: number }
  | { readonly kind: 'die'; readonly whom: number }
  | { readonly kind: 'start'; readonly whom: number };

interface Timed {
  /** After the step before. */
  readonly waitMs: number;
  /** How long the message, and the answer to it, are on their way. */
  readonly outMs: number;
  readonly backMs: number;
  readonly step: Step;
}

class World {
  nowMs = 0;
  /** How often the worker's row was taken. */
  taken = 0;
  /** How often that was after it went on for a promise only. */
  takenAfterPromise = 0;
  extended = 0;
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly #rights: (ReapingRight | null)[];
  readonly #lease = new Lease(() => this.nowMs);
  readonly #outlook = new Outlook();
  #cutOff: readonly boolean[] = [];
  #home = 0;
  /** Of the worker's row in PostgreSQL; `null`: it has none. */
  #leaseUntilMs: number | null = null;
  #session = 0;

  constructor(private readonly leasesMs: readonly number[]) {
    this.#rights = leasesMs.map((leaseMs) => new ReapingRight(leaseMs, leaseMs / 3));
    this.#outlook.know(new Set(leasesMs.map((_, whom) => String(whom))));
    this.#leaseUntilMs = this.#homeLeaseMs;
    this.#lease.grant(0, this.#homeLeaseMs);
  }

  run(steps: readonly Timed[]): void {
    let atMs = 0;
    for (const timed of steps) {
      atMs += timed.waitMs;
      this.#at(atMs, () => this.#do(timed));
    }
    for (const [whom, leaseMs] of this.leasesMs.entries()) {
      for (let tickMs = 0; tickMs <= atMs; tickMs += leaseMs / 3) this.#at(tickMs, () => this.#renew(whom));
    }
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.nowMs = next.atMs;
      next.run();
    }
  }

  get #homeLeaseMs(): number {
    return this.leasesMs[this.#home]!;
  }

  #at(atMs: number, run: () => void): void {
    const after = this.#queue.findIndex((event) => event.atMs > atMs);
    this.#queue.splice(after < 0 ? this.#queue.length : after, 0, { atMs, run });
  }

  #do({ backMs, outMs, step }: Timed): void {
    const sentAtMs = this.nowMs;
    const arrivesAtMs = sentAtMs + outMs;
    const answeredAtMs = arrivesAtMs + backMs;
    switch (step.kind) {
      case 'beat':
        return this.#beat(sentAtMs, arrivesAtMs, answeredAtMs);
      case 'ask':
        return this.#at(arrivesAtMs, () => {
          const answer = this.#answer(step.whom, sentAtMs);
          this.#at(answeredAtMs, () => this.#hear(step.whom, answer));
        });
      case 'cut':
        this.#cutOff = step.off;
        return;
      case 'renew':
        this.#rights[step.whom]?.renewed(this.nowMs);
        return;
      case 'reap': {
        if (this.#rights[step.whom]?.holdsAt(sentAtMs) !== true) return;
        return this.#at(arrivesAtMs, () => this.#reap(sentAtMs));
      }
      case 'move':
        return this.#at(arrivesAtMs, () => this.#register(step.whom, sentAtMs));
      case 'die':
        this.#rights[step.whom] = null;
        return;
      case 'start':
        this.#rights[step.whom] ??= new ReapingRight(this.leasesMs[step.whom]!, this.leasesMs[step.whom]! / 3);
        return;
    }
  }

  #renew(whom: number): void {
    if (this.#cutOff[whom] !== true) this.#rights[whom]?.renewed(this.nowMs);
  }

  #beat(sentAtMs: number, arrivesAtMs: number, answeredAtMs: number): void {
    const home = this.#home;
    const session = this.#session;
    this.#at(arrivesAtMs, () => {
      if (this.#rights[home] === null) return;
      if (this.#cutOff[home] === true) {
        const answer = this.#answer(home, sentAtMs);
        return this.#at(answeredAtMs, () => this.#hear(home, answer));
      }
      if (this.#leaseUntilMs === null || this.#session !== session) return;
      this.#leaseUntilMs = this.nowMs + this.leasesMs[home]!;
      this.#at(answeredAtMs, () => {
        if (this.#session === session) this.#lease.grant(sentAtMs, this.leasesMs[home]!);
      });
    });
  }

  #answer(whom: number, askedAtMs: number): Answer {
    const right = this.#rights[whom];
    if (!right) return { kind: 'absent', askedAtMs, why: '' };
    if (this.#cutOff[whom] !== true) return { kind: 'renewing', coordinatorId: '', sessions: 0 };
    return { kind: 'holds_off', askedAtMs, holdsOffMs: right.holdOff(), why: '' };
  }

  #hear(whom: number, answer: Answer): void {
    this.#outlook.hear(String(whom), answer);
    const untilMs = this.#outlook.heldOffUntil(this.nowMs, this.#homeLeaseMs);
    if (untilMs !== null && this.#lease.extend(untilMs)) this.extended++;
  }

  /** What src/db/lease-ended.ts says. */
  #reap(beforeMs: number): void {
    if (this.#leaseUntilMs === null || this.#leaseUntilMs >= beforeMs) return;
    expect(this.#lease.isHeld(), `the worker still runs what is taken at ${this.nowMs}`).toBe(false);
    this.taken++;
    if (this.extended > 0) this.takenAfterPromise++;
    this.#leaseUntilMs = null;
  }

  /** With nothing in hand if it was taken, or with all that it has; either way by a row of its own. */
  #register(whom: number, sentAtMs: number): void {
    if (!this.#rights[whom]) return;
    this.#session++;
    this.#home = whom;
    this.#leaseUntilMs = this.nowMs + this.#homeLeaseMs;
    this.#lease.grant(sentAtMs, this.#homeLeaseMs);
  }
}

const whom = fc.nat({ max: COORDINATORS - 1 });
const often: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('beat' as const) }),
  fc.record({ kind: fc.constant('ask' as const), whom }),
  fc.record({ kind: fc.constant('ask' as const), whom }),
  fc.record({ kind: fc.constant('reap' as const), whom }),
];
const everybody = Array.from({ length: COORDINATORS }, () => true);
const off = fc.oneof(
  fc.constant(everybody),
  fc.array(fc.boolean(), { minLength: COORDINATORS, maxLength: COORDINATORS }),
);
const seldom: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('cut' as const), off }),
  fc.record({ kind: fc.constant('renew' as const), whom }),
  fc.record({ kind: fc.constant('move' as const), whom }),
];
const lives: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('die' as const), whom }),
  fc.record({ kind: fc.constant('start' as const), whom }),
];

function steps(kinds: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Timed[]> {
  const soon = fc.integer({ min: 0, max: 300 });
  const late = fc.integer({ min: 0, max: 40_000 });
  const delay = fc.oneof({ weight: 5, arbitrary: soon }, { weight: 1, arbitrary: late });
  const step = fc.oneof(...kinds);
  const waitMs = fc.oneof({ weight: 6, arbitrary: soon }, { weight: 1, arbitrary: fc.integer({ max: 4_000, min: 0 }) });
  const timed = fc.record({ waitMs, outMs: delay, backMs: delay, step });
  return fc.array(timed, { minLength: 200, maxLength: 800 });
}

/** Runs many worlds; what must not happen fails in them. Returns how much of what may happen did. */
function explore(kinds: readonly fc.Arbitrary<Step>[], leases: fc.Arbitrary<number[]>) {
  const seen = { extended: 0, taken: 0, takenAfterPromise: 0 };
  const property = fc.property(leases, steps(kinds), (leasesMs, all) => {
    const world = new World(leasesMs);
    world.run(all);
    seen.extended += world.extended;
    seen.taken += world.taken;
    seen.takenAfterPromise += world.takenAfterPromise;
  });
  // A world says enough as it is; making it smaller takes minutes.
  fc.assert(property, { numRuns: 400, endOnFailure: true });
  return seen;
}

test('nothing is taken from a worker that goes on, however late what is, whoever dies and starts again', () => {
  const leases = fc.constantFrom(2_000, 5_000, 15_000).map((leaseMs) => Array<number>(COORDINATORS).fill(leaseMs));
  const seen = explore([...often, ...often, ...often, ...often, ...seldom, ...lives], leases);
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
});

test('nor when the leases of the coordinators differ, since each keeps the promise that it gave', () => {
  const leases = fc.array(fc.integer({ min: 1_000, max: 30_000 }), {
    minLength: COORDINATORS,
    maxLength: COORDINATORS,
  });
  const seen = explore([...often, ...often, ...often, ...often, ...seldom], leases);
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
});
