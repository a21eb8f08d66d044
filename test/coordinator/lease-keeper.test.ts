import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseClock } from '../../src/coordinator/database-clock.ts';
import { LeaseKeeper } from '../../src/coordinator/lease-keeper.ts';
import { CoordinatorMetrics } from '../../src/coordinator/metrics.ts';
import { WorkerRegistry } from '../../src/coordinator/worker-registry.ts';
import { WorkerSession, type SessionStream } from '../../src/coordinator/worker-session.ts';
import type { Queryable } from '../../src/db/pool.ts';
import { decodeFromCoordinator } from '../../src/rpc/codec.ts';
import type { FromCoordinator } from '../../src/rpc/messages.ts';
import { createLogger } from '../../src/runtime/logger.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 30_000 };

const LEASE_MS = 3_000;
const PATIENCE_MS = LEASE_MS / 9;
const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const logger = createLogger('coordinator', { level: 'silent', format: 'json' });

/** Says what becomes of each renewal, where a test must choose the moment. */
class ScriptedPostgres {
  readonly #begun: ((outcome: Error | number) => void)[] = [];
  readonly #waiting: ((answer: (outcome: Error | number) => void) => void)[] = [];
  count = 0;

  readonly db = { query: (query: { values: unknown[] }) => this.#renew(query.values) } as unknown as Queryable;

  /** The next renewal that begins, or has begun: to be answered with PostgreSQL's time, or with an error. */
  next(): Promise<(outcome: Error | number) => void> {
    const begun = this.#begun.shift();
    return begun === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(begun);
  }

  #renew(values: readonly unknown[]): Promise<unknown> {
    this.count++;
    const workers = (values[5] as string[]).map((id) => ({ id, draining: false, drainTimeoutMs: null }));
    return new Promise((resolve, reject) => {
      const answer = (outcome: Error | number) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve({ rows: [{ registered_anew: false, workers, now_ms: outcome }] });
      };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#begun.push(answer);
      else waiting(answer);
    });
  }
}

async function keeper(monotonicMs?: () => number) {
  const postgres = new ScriptedPostgres();
  const metrics = new CoordinatorMetrics();
  const clock = new DatabaseClock(monotonicMs);
  const health: (string | null)[] = [];
  const leases: LeaseKeeper = new LeaseKeeper({
    db: postgres.db,
    identity: () => ({ id: randomUUID(), hostname: 'host', address: '127.0.0.1:1', version: '0' }),
    leaseMs: LEASE_MS,
    clock,
    registry: new WorkerRegistry(() => undefined),
    metrics,
    logger,
    onLapsed: () => undefined,
    onHealth: () => health.push(leases.problem),
    onDrain: () => undefined,
    ...(monotonicMs === undefined ? {} : { monotonicMs }),
  });
  await leases.start();
  onTestFinished(async () => {
    const stopped = leases.stop();
    for (const renewal of [postgres.next(), postgres.next()]) void renewal.then((answer) => answer(REFUSED));
    await stopped;
  });
  return { health, leases, metrics, postgres };
}

function session(metrics: CoordinatorMetrics) {
  const sent: FromCoordinator[] = [];
  const stream = Object.assign(new EventEmitter(), {
    write: (wire: Parameters<typeof decodeFromCoordinator>[0], taken: () => void) => {
      sent.push(decodeFromCoordinator(wire));
      taken();
      return true;
    },
  });
  const registration = {
    ...{ workerId: 'worker', instanceId: randomUUID(), hostname: 'host', slots: 1, labels: {}, queues: ['*'] },
    ...{ version: '0', pid: 1, inHand: [], draining: false, ordinal: 1 },
  };
  const deps = { metrics, logger, onRoom: () => undefined };
  return { sent, session: new WorkerSession(randomUUID(), registration, stream as unknown as SessionStream, deps) };
}

const HOLDS_OFF = { renewing: false, holdsOffMs: LEASE_MS };
const RENEWING = { renewing: true, holdsOffMs: 0 };

describe('standing', () => {
  test('is told by a renewal that began after the question', async () => {
    const { leases, postgres } = await keeper();
    const first = await postgres.next();
    let told = false;
    const standing = leases.standing().finally(() => (told = true));
    first(1_000);
    const second = await postgres.next();
    expect(told).toBe(false);
    second(1_001);
    expect(await standing).toEqual(RENEWING);
  });

  test('is told to all who ask by one renewal', async () => {
    const { leases, postgres } = await keeper();
    (await postgres.next())(1_000);
    await expect.poll(() => leases.valid, SOON).toBe(true);
    const all = Array.from({ length: 100 }, () => leases.standing());
    (await postgres.next())(1_001);
    expect(new Set((await Promise.all(all)).map(({ renewing }) => renewing))).toEqual(new Set([true]));
    expect(postgres.count).toBe(2);
  });

  test('is told at once when the last renewal has failed and none is under way', async () => {
    const { leases, postgres } = await keeper();
    (await postgres.next())(REFUSED);
    await expect.poll(() => leases.problem, SOON).toMatch(/^unavailable for \d s: connection refused$/);
    const before = postgres.count;
    expect(await leases.standing()).toEqual(HOLDS_OFF);
    expect(postgres.count).toBe(before);
  });

  test('is told by the renewal after the one that is tried again', async () => {
    const { leases, postgres } = await keeper();
    (await postgres.next())(REFUSED);
    const again = await postgres.next();
    const standing = leases.standing();
    again(1_000);
    (await postgres.next())(1_001);
    expect(await standing).toEqual(RENEWING);
  });

  test('is told soon when PostgreSQL does not answer, and then at once', async () => {
    const { leases, postgres } = await keeper();
    (await postgres.next())(1_000);
    await expect.poll(() => leases.valid, SOON).toBe(true);
    const askedAtMs = performance.now();
    const standing = leases.standing();
    const hanging = await postgres.next();
    expect(await standing).toEqual(HOLDS_OFF);
    expect(performance.now() - askedAtMs).toBeGreaterThan(PATIENCE_MS - 5);
    // The renewal began after the question, and may hang only a moment later.
    await expect.poll(() => leases.problem, SOON).not.toBeNull();
    expect(await Promise.race([leases.standing(), new Promise((resolve) => setImmediate(resolve))])).toEqual(HOLDS_OFF);
    // It succeeds after all.
    hanging(1_002);
    await expect.poll(() => leases.problem, SOON).toBeNull();
  });
});

describe('a heartbeat', () => {
  test('is answered at once while PostgreSQL is away, with a promise, and renewed when it is back', async () => {
    const { health, leases, metrics, postgres } = await keeper();
    (await postgres.next())(1_000);
    const { sent, session: worker } = session(metrics);
    leases.watch(worker);
    leases.beat(worker, 1);
    (await postgres.next())(REFUSED);
    await expect.poll(() => sent.length, SOON).toBe(1);
    leases.beat(worker, 2);
    expect(sent.slice(0, 2)).toEqual(
      [1, 2].map((sequence) => ({
        ...{ kind: 'heartbeat_ack', sequence, renewed: false },
        ...{ holdsOffMs: LEASE_MS, resultWindow: 0 },
      })),
    );
    (await postgres.next())(REFUSED);
    (await postgres.next())(1_100);
    await expect.poll(() => sent.length, SOON).toBe(3);
    expect(sent[2]).toMatchObject({ sequence: 2, renewed: true, holdsOffMs: 0, resultWindow: 10_000 });
    expect(health).toEqual([null, expect.stringMatching(/^unavailable for \d s: connection refused$/), null]);
  });

  test('is answered as not renewed when the renewal hangs, and as renewed when it succeeds after all', async () => {
    const { leases, metrics, postgres } = await keeper();
    (await postgres.next())(1_000);
    const { sent, session: worker } = session(metrics);
    leases.watch(worker);
    leases.beat(worker, 1);
    const hanging = await postgres.next();
    await expect.poll(() => sent.length, SOON).toBe(1);
    expect(sent[0]).toMatchObject({ sequence: 1, renewed: false, holdsOffMs: LEASE_MS });
    expect(leases.problem).toMatch(/^unavailable for \d s: it does not answer$/);
    hanging(1_500);
    await expect.poll(() => sent.length, SOON).toBe(2);
    expect(sent[1]).toMatchObject({ sequence: 1, renewed: true });
  });
});

describe('reaping', () => {
  /** A keeper by a clock of the test's own, which is PostgreSQL's, too, whose renewals have been steady for a lease. */
  async function steady() {
    let nowMs = 0;
    const parts = await keeper(() => nowMs);
    const { leases, postgres } = parts;
    (await postgres.next())(nowMs);
    await expect.poll(() => leases.valid, SOON).toBe(true);
    /** Makes a renewal `ms` later, in which PostgreSQL says that it is `aheadMs` further. */
    const renewAfter = async (ms: number, aheadMs = 0) => {
      nowMs += ms;
      const standing = leases.standing();
      (await postgres.next())(nowMs + aheadMs);
      expect(await standing).toEqual(RENEWING);
    };
    for (let i = 0; i < 3; i++) await renewAfter(1_000);
    expect(leases.reapBeforeMs).toBeCloseTo(nowMs, -1);
    return { ...parts, renewAfter };
  }

  test('waits for a lease after any promise, though nothing has failed', async () => {
    const { leases, renewAfter } = await steady();
    expect(leases.holdOff()).toBe(LEASE_MS);
    for (let i = 0; i < 4; i++) {
      expect(leases.reapBeforeMs).toBeNull();
      await renewAfter(900);
    }
    expect(leases.reapBeforeMs).toBeNull();
    await renewAfter(900);
    expect(leases.reapBeforeMs).not.toBeNull();
  });

  test('waits for a lease after the clock of PostgreSQL was set forward, by which leases end early', async () => {
    const { leases, renewAfter } = await steady();
    // Less than the margin by which workers end their lease early.
    await renewAfter(1_000, 250);
    expect(leases.reapBeforeMs).not.toBeNull();
    await renewAfter(1_000, 1_000);
    for (let i = 0; i < 3; i++) {
      expect(leases.reapBeforeMs).toBeNull();
      await renewAfter(1_000, 1_000);
    }
    expect(leases.reapBeforeMs).not.toBeNull();
    // Back again: leases end late, which does no harm.
    await renewAfter(1_000, 0);
    expect(leases.reapBeforeMs).not.toBeNull();
  });

  test('is over for good when the coordinator stops', async () => {
    const { leases } = await steady();
    leases.retire();
    expect(leases.reapBeforeMs).toBeNull();
    expect(await leases.standing()).toEqual(HOLDS_OFF);
  });
});
