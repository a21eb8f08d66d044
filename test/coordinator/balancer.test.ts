import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { claimPort } from '../../src/cli/up/ports.ts';
import { Balancer, excessOf } from '../../src/coordinator/balancer.ts';
import { CoordinatorMetrics } from '../../src/coordinator/metrics.ts';
import { WorkerRegistry } from '../../src/coordinator/worker-registry.ts';
import { WorkerSession, type SessionStream } from '../../src/coordinator/worker-session.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { untilRenewing } from './support/ask-standing.ts';
import { again, database, registered, startCoordinator } from './support/fixture.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 30_000 };

describe('the excess', () => {
  test('is what is more than the share, if it is more than a tenth', () => {
    const cases = [
      // sessions here, workers, coordinators, excess
      [10, 10, 1, 0],
      [10, 10, 2, 5],
      [6, 10, 2, 1],
      [7, 10, 2, 2],
      [2, 3, 2, 0], // the odd one has to be somewhere
      [3, 3, 2, 1],
      [2, 2, 2, 1],
      [4, 4, 2, 2],
      [100, 100, 3, 66],
      [36, 100, 3, 0], // a tenth more than the share
      [38, 100, 3, 4],
      [5, 0, 0, 0], // nobody is known to be there yet
      [6, 1, 2, 3],
      [0, 100, 3, 0],
    ] as const;
    const found = cases.map(([sessions, workers, coordinators]) => excessOf(sessions, workers, coordinators));
    expect(found).toEqual(cases.map(([, , , excess]) => excess));
  });
});

describe('a coordinator with more workers than its share', () => {
  test('asks as many as are too many once another one joins, and tells that they have moved', async () => {
    const { port } = await claimPort({ host: '127.0.0.1', port: 0 }, '');
    const first = await startCoordinator({ HYDRA_HEALTH_PORT: String(port) });
    const all = await Promise.all(Array.from({ length: 6 }, () => registered(first)));
    const drains = all[0]!;
    drains.send({ kind: 'draining' });
    expect(all.flatMap((scripted) => scripted.pending('rebalance'))).toEqual([]);
    const second = await startCoordinator();
    await untilRenewing(second);
    const asked = () => all.filter((scripted) => scripted.heard.includes('rebalance'));
    await expect.poll(() => asked().length, SOON).toBe(3);
    expect(asked()).not.toContain(drains);
    for (const scripted of asked()) {
      scripted.vanish();
      await again(scripted, second).register();
    }
    const rebalanced = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return Number(/^hydra_rebalanced_total (\d+)$/m.exec(text)?.[1]);
    };
    await expect.poll(rebalanced, SOON).toBe(3);
    expect(asked()).toHaveLength(3);
  });
});

describe('a pass', () => {
  const INTERVAL_MS = 5_000;

  /** A balancer by a clock of the test's own, with so many idle sessions, and coordinators as PostgreSQL knows them. */
  async function balancer(sessions: number, coordinators: number) {
    const asked: string[] = [];
    let nowMs = 0;
    const logger = createLogger('coordinator', { level: 'silent', format: 'json' });
    const metrics = new CoordinatorMetrics();
    const registry = new WorkerRegistry(() => undefined);
    const deps = { metrics, logger, onRoom: () => undefined };
    const join = (workerId: string, draining = false) => {
      const stream = { on: () => stream, write: () => (asked.push(workerId), true) } as unknown as SessionStream;
      const registration = {
        ...{ workerId, instanceId: randomUUID(), hostname: 'host', slots: 1, labels: {}, queues: ['*'] },
        ...{ version: '0', pid: 1, inHand: [], draining, ordinal: 1 },
      };
      const session = new WorkerSession(randomUUID(), registration, stream, deps);
      registry.add(session);
      return session;
    };
    const all = Array.from({ length: sessions }, (_, index) => join(`worker-${index}`));
    await database.pool.query(
      `INSERT INTO coordinators (id, hostname, address, version, lease_until)
      SELECT gen_random_uuid(), 'host', 'address', '0', now() + interval '1 hour' FROM generate_series(1, $1)`,
      [coordinators],
    );
    await database.pool.query(
      `INSERT INTO workers (id, instance_id, ordinal, session_id, coordinator_id, hostname, pid, version, slots, labels,
        queues, lease_until)
      SELECT 'worker-' || i, gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'host', 1, '0', 1, '{}', '{}',
        now() + interval '1 hour' FROM generate_series(0, $1 - 1) AS i`,
      [sessions],
    );
    const db = database.pool;
    const made = new Balancer({ db, registry, intervalMs: INTERVAL_MS, metrics, logger, monotonicMs: () => nowMs });
    const pass = async (afterMs = 0) => {
      nowMs += afterMs;
      asked.length = 0;
      const waitMs = await made.passOnce();
      return { asked: asked.length, waitMs };
    };
    return { all, asked, join, made, pass, registry };
  }

  test('asks at most a hundred, soon more when they move, and no more than are too many', async () => {
    const { all, asked, made, pass, registry } = await balancer(300, 2);
    expect(await pass()).toEqual({ asked: 100, waitMs: 1_000 });
    const first = new Set(asked);
    for (const session of all.filter(({ workerId }) => first.has(workerId))) {
      registry.remove(session);
      expect(made.ended(session)).toBe(true);
    }
    expect(await pass(1_000)).toEqual({ asked: 50, waitMs: 1_000 });
    expect(asked.some((workerId) => first.has(workerId))).toBe(false);
    // While these make up their minds nobody else is asked.
    expect(await pass(1_000)).toEqual({ asked: 0, waitMs: 1_000 });
  });

  test('does not ask again for long those that stay, but others', async () => {
    const { all, asked, made, pass } = await balancer(9, 3);
    expect(await pass()).toEqual({ asked: 6, waitMs: 1_000 });
    const first = new Set(asked);
    expect(await pass(9_000)).toMatchObject({ asked: 0 });
    expect(await pass(1_000)).toMatchObject({ asked: 3 });
    expect(asked.some((workerId) => first.has(workerId))).toBe(false);
    expect(await pass(10_000)).toEqual({ asked: 0, waitMs: 3 * INTERVAL_MS });
    const stayed = all.find(({ workerId }) => first.has(workerId))!;
    expect(made.ended(stayed)).toBe(false);
    expect(await pass(10 * 60_000 - 11_000)).toMatchObject({ asked: 6 });
  });

  test('asks none that drains', async () => {
    const { asked, join, pass, registry } = await balancer(6, 2);
    for (const session of registry.all().slice(0, 4)) registry.remove(session);
    for (let index = 0; index < 4; index++) join(`worker-${index}`, true);
    expect(await pass()).toMatchObject({ asked: 2 });
    expect([...asked].sort()).toEqual(['worker-4', 'worker-5']);
  });
});
