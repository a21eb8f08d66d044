import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { findWorkerStandings } from '../../src/db/find-worker-standings.ts';
import { loseDispatched } from '../../src/db/lose-dispatched.ts';
import { loseOrphans } from '../../src/db/lose-orphans.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import { nextLeaseEndMs } from '../../src/db/next-lease-end.ts';
import { reapCoordinators } from '../../src/db/reap-coordinators.ts';
import { reapWorkers } from '../../src/db/reap-workers.ts';
import { registerWorker, type WorkerRegistration } from '../../src/db/register-worker.ts';
import { releaseClaimsIfRoomElsewhere } from '../../src/db/release-claims.ts';
import { renewLeases } from '../../src/db/renew-leases.ts';
import { MAX_LOST_ATTEMPTS } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';

const LEASE_MS = 60_000;
const SELF = randomUUID();

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('TRUNCATE tasks, past_attempts, outputs, workers, coordinators'));
afterAll(() => database.close());

const coordinator = (id: string) => ({ id, hostname: 'host', address: '127.0.0.1:1', version: '0' });

let ordinal = 0;

function registration(over: Partial<WorkerRegistration> = {}): WorkerRegistration {
  return {
    workerId: 'worker',
    instanceId: randomUUID(),
    sessionId: randomUUID(),
    coordinatorId: SELF,
    hostname: 'host',
    pid: 7,
    version: '0',
    slots: 2,
    labels: {},
    queues: ['default'],
    draining: false,
    ordinal: ++ordinal,
    inHand: [],
    ...over,
  };
}

/** Ends a lease, as time does. */
async function endLease(table: 'workers' | 'coordinators', id: string): Promise<void> {
  await database.pool.query(`UPDATE ${table} SET lease_until = now() - interval '1 ms' WHERE id::text = $1`, [id]);
}

async function claimed(coordinatorId = SELF): Promise<{ taskId: string; attempt: number }> {
  await seedTask(database.pool, { dueInMs: -1 });
  const claim = { coordinatorId, lane: 'default', priority: 0, lookaheadMs: 0, limit: 1 };
  const [task] = await claimDueTasks(database.pool, claim);
  return { taskId: task!.taskId, attempt: task!.attempt };
}

describe('renewing', () => {
  test('keeps the leases of the coordinator and of the sessions that beat, and reads the clock', async () => {
    const worker = registration();
    const first = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, []);
    expect(first).toMatchObject({ registeredAnew: true, workers: [] });
    await registerWorker(database.pool, worker, 1);
    const { workerId, sessionId } = worker;
    const beats = [
      { workerId, sessionId },
      { workerId: 'other', sessionId: randomUUID() },
    ];
    const second = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, beats);
    expect(second).toMatchObject({ registeredAnew: false, workers: [{ id: 'worker', draining: false }] });
    expect(second.nowMs).toBeGreaterThan(first.nowMs);
    expect(await nextLeaseEndMs(database.pool, SELF)).toBeGreaterThan(LEASE_MS - 5_000);
  });

  test('does not keep a session that a newer one has replaced', async () => {
    const old = registration();
    await registerWorker(database.pool, old, LEASE_MS);
    await registerWorker(database.pool, { ...old, sessionId: randomUUID(), ordinal: ++ordinal }, LEASE_MS);
    const { workerId, sessionId } = old;
    const renewal = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, [{ workerId, sessionId }]);
    expect(renewal.workers).toEqual([]);
    expect(await findWorkerStandings(database.pool, [old])).toEqual(new Map([[sessionId, 'newer_session']]));
  });
});

describe('registering', () => {
  test('refuses a second process with the same id until the lease of the first has ended', async () => {
    const first = registration();
    const second = registration({ pid: 8 });
    await registerWorker(database.pool, first, LEASE_MS);
    expect(await registerWorker(database.pool, second, LEASE_MS)).toEqual({
      outcome: 'id_in_use',
      hostname: 'host',
      pid: 7,
    });
    await endLease('workers', 'worker');
    expect(await findWorkerStandings(database.pool, [first])).toEqual(new Map([[first.sessionId, 'gone']]));
    expect(await registerWorker(database.pool, second, LEASE_MS)).toMatchObject({ outcome: 'registered' });
  });

  test('of an older session that arrives late changes nothing', async () => {
    const older = registration();
    const newer = { ...older, sessionId: randomUUID(), ordinal: ++ordinal };
    await registerWorker(database.pool, newer, LEASE_MS);
    const running = await claimed();
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'worker', startedAgeUs: 1 }]);
    expect(await registerWorker(database.pool, older, LEASE_MS)).toEqual({ outcome: 'overtaken' });
    expect(await storedTask(database.pool, running.taskId)).toMatchObject({ state: 'running', attempt: 1 });
    expect(await findWorkerStandings(database.pool, [newer])).toEqual(new Map([[newer.sessionId, 'same_session']]));
  });

  test('takes back what the worker should run and does not know of', async () => {
    const worker = registration();
    await registerWorker(database.pool, worker, LEASE_MS);
    const [known, forgotten] = [await claimed(), await claimed()];
    const start = { workerId: 'worker', startedAgeUs: 1 };
    await markStarted(database.pool, SELF, [
      { ...known, ...start },
      { ...forgotten, ...start },
    ]);
    const again = { ...worker, sessionId: randomUUID(), ordinal: ++ordinal, inHand: [{ ...known, startedAgeUs: 5 }] };
    expect(await registerWorker(database.pool, again, LEASE_MS)).toMatchObject({
      outcome: 'registered',
      owned: [known],
      lost: [{ taskId: forgotten.taskId, attempt: 1, workerId: 'worker', state: 'scheduled' }],
    });
    expect(await storedTask(database.pool, known.taskId)).toMatchObject({ state: 'running' });
  });
});

describe('reaping', () => {
  test('takes the tasks of a worker whose lease has ended, and of no other', async () => {
    await registerWorker(database.pool, registration(), LEASE_MS);
    await registerWorker(database.pool, registration({ workerId: 'healthy' }), LEASE_MS);
    const [lost, kept] = [await claimed(), await claimed()];
    await markStarted(database.pool, SELF, [
      { ...lost, workerId: 'worker', startedAgeUs: 1 },
      { ...kept, workerId: 'healthy', startedAgeUs: 1 },
    ]);
    expect(await reapWorkers(database.pool)).toEqual({ workerIds: [], lost: [] });
    await endLease('workers', 'worker');
    expect(await nextLeaseEndMs(database.pool, SELF)).toBeLessThan(0);
    const reaped = await Promise.all([reapWorkers(database.pool), reapWorkers(database.pool)]);
    expect(reaped.flatMap((r) => r.workerIds)).toEqual(['worker']);
    expect(reaped.flatMap((r) => r.lost).map((l) => l.taskId)).toEqual([lost.taskId]);
    expect(await storedTask(database.pool, lost.taskId)).toMatchObject({ state: 'scheduled', worker_id: null });
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'running' });
  });

  test('takes the claims of a coordinator only when none of its workers can be running them', async () => {
    const dead = randomUUID();
    await renewLeases(database.pool, coordinator(dead), LEASE_MS, []);
    const worker = registration({ coordinatorId: dead });
    await registerWorker(database.pool, worker, LEASE_MS);
    const claim = await claimed(dead);
    expect(await reapCoordinators(database.pool, SELF)).toEqual([]);
    await endLease('coordinators', dead);
    // The worker may have been sent it, and lives.
    expect(await reapCoordinators(database.pool, SELF)).toEqual([]);
    // It registers elsewhere, and does not name it.
    await registerWorker(
      database.pool,
      { ...worker, sessionId: randomUUID(), coordinatorId: SELF, ordinal: ++ordinal },
      LEASE_MS,
    );
    expect((await reapCoordinators(database.pool, SELF)).map((l) => l.taskId)).toEqual([claim.taskId]);
    expect(await renewLeases(database.pool, coordinator(dead), LEASE_MS, [])).toMatchObject({ registeredAnew: true });
  });

  test('does not count what its coordinator cannot have sent yet as lost', async () => {
    const dead = randomUUID();
    await renewLeases(database.pool, coordinator(dead), LEASE_MS, []);
    const id = await seedTask(database.pool, { dueInMs: 2 * LEASE_MS });
    const claim = { coordinatorId: dead, lane: 'default', priority: 0, lookaheadMs: 3 * LEASE_MS, limit: 1 };
    expect(await claimDueTasks(database.pool, claim)).toHaveLength(1);
    await endLease('coordinators', dead);
    expect(await reapCoordinators(database.pool, SELF)).toEqual([]);
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'scheduled', attempt: 0, lost_attempts: 0 });
  });

  test('takes what is owned by nobody that exists', async () => {
    const [ownerless, running, kept] = [await claimed(randomUUID()), await claimed(), await claimed()];
    await renewLeases(database.pool, coordinator(SELF), LEASE_MS, []);
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'reaped before', startedAgeUs: 1 }]);
    const lost = await loseOrphans(database.pool);
    expect(new Set(lost.map((l) => l.taskId))).toEqual(new Set([ownerless.taskId, running.taskId]));
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'picked' });
  });

  test('fails a task that was lost too often, and keeps every attempt', async () => {
    const { taskId } = await claimed();
    for (let lost = 1; ; lost++) {
      const task = await storedTask(database.pool, taskId);
      if (task.state === 'scheduled') {
        const claim = { coordinatorId: SELF, lane: 'default', priority: 0, lookaheadMs: 0, limit: 1 };
        await claimDueTasks(database.pool, claim);
      }
      const [outcome] = await loseDispatched(database.pool, SELF, [{ taskId, attempt: lost }]);
      if (outcome!.state === 'failed') break;
    }
    const row = await storedTask(database.pool, taskId);
    expect(row).toMatchObject({ state: 'failed', reason: 'worker_lost', lost_attempts: MAX_LOST_ATTEMPTS });
    expect(row.attempt).toBe(MAX_LOST_ATTEMPTS + 1);
    const past = await database.pool.query<{ attempt: number }>('SELECT attempt FROM past_attempts ORDER BY attempt');
    expect(past.rows.map((r) => r.attempt)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('offering', () => {
  const offer = (key: { taskId: string; attempt: number }) => releaseClaimsIfRoomElsewhere(database.pool, SELF, [key]);
  const elsewhere = (over: Partial<WorkerRegistration> = {}) =>
    registerWorker(
      database.pool,
      registration({ workerId: 'elsewhere', coordinatorId: randomUUID(), slots: 1, ...over }),
      LEASE_MS,
    );

  test('gives a claim back when a worker of another coordinator could run it', async () => {
    const key = await claimed();
    await elsewhere();
    expect(await offer(key)).toEqual([key]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({ state: 'scheduled', attempt: 0 });
  });

  test.each<[string, Partial<WorkerRegistration>]>([
    ['serves other queues', { queues: ['gpu'] }],
    ['drains', { draining: true }],
    ['is ours', { coordinatorId: SELF }],
  ])('keeps it when the only other worker %s', async (_, over) => {
    const key = await claimed();
    await elsewhere(over);
    expect(await offer(key)).toEqual([]);
  });

  test('keeps it when the other worker is full or lost', async () => {
    const key = await claimed();
    const running = await claimed();
    await elsewhere();
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'elsewhere', startedAgeUs: 1 }]);
    expect(await offer(key)).toEqual([]);
    await database.pool.query('DELETE FROM tasks WHERE id = $1', [running.taskId]);
    await endLease('workers', 'elsewhere');
    expect(await offer(key)).toEqual([]);
  });
});
