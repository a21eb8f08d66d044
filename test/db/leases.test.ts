import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptKey } from '../../src/db/attempt-key.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { drainWorker } from '../../src/db/drain-worker.ts';
import { findWorkerStandings } from '../../src/db/find-worker-standings.ts';
import { listCancelRequests } from '../../src/db/list-cancel-requests.ts';
import { loseDispatched } from '../../src/db/lose-dispatched.ts';
import { listOwnRuns } from '../../src/db/list-own-runs.ts';
import { loseOrphans } from '../../src/db/lose-orphans.ts';
import { loseRuns } from '../../src/db/lose-runs.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import { nextLeaseEndMs } from '../../src/db/next-lease-end.ts';
import { reapCoordinators } from '../../src/db/reap-coordinators.ts';
import { reapWorkers } from '../../src/db/reap-workers.ts';
import { registerWorker, type WorkerRegistration } from '../../src/db/register-worker.ts';
import { releaseClaimsIfRoomElsewhere } from '../../src/db/release-claims.ts';
import { renewLeases } from '../../src/db/renew-leases.ts';
import { MAX_LOST_ATTEMPTS } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storedTask, type TaskSeed } from '../support/tasks.ts';
import { seedClaim } from './support/attempts.ts';

const LEASE_MS = 60_000;
const SELF = randomUUID();

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('TRUNCATE tasks, workers, coordinators CASCADE'));
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

async function standing(worker: WorkerRegistration) {
  return (await findWorkerStandings(database.pool, [worker])).get(worker.sessionId)?.standing;
}

function claimed(coordinatorId = SELF, seed: TaskSeed = {}): Promise<AttemptKey> {
  return seedClaim(database.pool, seed, coordinatorId);
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
    expect(second).toMatchObject({
      registeredAnew: false,
      workers: [{ id: 'worker', draining: false, drainTimeoutMs: null }],
    });
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
    expect(await findWorkerStandings(database.pool, [old])).toEqual(
      new Map([[sessionId, { standing: 'newer_session', drainTimeoutMs: null }]]),
    );
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
    expect(await standing(first)).toBe('gone');
    expect(await registerWorker(database.pool, second, LEASE_MS)).toMatchObject({ outcome: 'registered' });
    // It has not named what the first one ran, which says nothing of whether that ran.
    expect(await standing(first)).toBe('other_process');
  });

  test('of an older session that arrives late changes nothing', async () => {
    const older = registration();
    const newer = { ...older, sessionId: randomUUID(), ordinal: ++ordinal };
    await registerWorker(database.pool, newer, LEASE_MS);
    const running = await claimed();
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'worker', startedAgeUs: 1 }]);
    expect(await registerWorker(database.pool, older, LEASE_MS)).toEqual({ outcome: 'overtaken' });
    expect(await storedTask(database.pool, running.taskId)).toMatchObject({ state: 'running', attempt: 1 });
    expect(await standing(newer)).toBe('same_session');
  });

  test('takes over what the worker brings along, whatever its last coordinator still records', async () => {
    const former = randomUUID();
    const key = await claimed(former);
    const inHand = [{ ...key, startedAgeUs: 5 }];
    const report = [{ ...key, workerId: 'worker', startedAgeUs: 5 }];
    await markStarted(database.pool, former, report);
    await registerWorker(database.pool, registration({ inHand }), LEASE_MS);
    // Kept while PostgreSQL was out of its reach.
    expect(await markStarted(database.pool, former, report)).toEqual([key]);
    await cancelTask(database.pool, key.taskId);
    expect(await listCancelRequests(database.pool, SELF)).toEqual([{ ...key, state: 'running' }]);
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

describe('draining', () => {
  test('is asked of one process of a worker, with the shortest of the times', async () => {
    const worker = registration();
    const { sessionId, workerId } = worker;
    expect(await drainWorker(database.pool, workerId, null)).toBe(false);
    await registerWorker(database.pool, worker, LEASE_MS);
    for (const [timeoutMs, drainTimeoutMs] of [
      [null, null],
      [9_000, 9_000],
      [0, 0],
      [5_000, 0],
      [null, 0],
    ] as const) {
      expect(await drainWorker(database.pool, workerId, timeoutMs)).toBe(true);
      const { workers } = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, [{ workerId, sessionId }]);
      expect(workers).toEqual([{ id: workerId, draining: true, drainTimeoutMs }]);
      const standings = await findWorkerStandings(database.pool, [worker]);
      expect(standings.get(sessionId)).toEqual({ standing: 'same_session', drainTimeoutMs });
    }
    const again = { ...worker, sessionId: randomUUID(), ordinal: ++ordinal };
    expect(await registerWorker(database.pool, again, LEASE_MS)).toMatchObject({ draining: true, drainTimeoutMs: 0 });
    await endLease('workers', workerId);
    const successor = await registerWorker(database.pool, registration(), LEASE_MS);
    expect(successor).toMatchObject({ draining: false, drainTimeoutMs: null });
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
    const ahead = await claimed(dead, { dueInMs: 2 * LEASE_MS, retryLost: false });
    const cancelling = await claimed(dead, { dueInMs: 2 * LEASE_MS });
    await cancelTask(database.pool, cancelling.taskId);
    await endLease('coordinators', dead);
    expect(await reapCoordinators(database.pool, SELF)).toEqual([]);
    expect(await storedTask(database.pool, ahead.taskId)).toMatchObject({
      state: 'scheduled',
      attempt: 0,
      lost_attempts: 0,
    });
    expect(await storedTask(database.pool, cancelling.taskId)).toMatchObject({
      state: 'cancelled',
      error: null,
      picked_at: null,
    });
  });

  test('takes what is owned by nobody that exists', async () => {
    const [ownerless, running, kept] = [await claimed(randomUUID()), await claimed(), await claimed()];
    await renewLeases(database.pool, coordinator(SELF), LEASE_MS, []);
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'reaped before', startedAgeUs: 1 }]);
    const lost = await loseOrphans(database.pool);
    expect(new Set(lost.map((l) => l.taskId))).toEqual(new Set([ownerless.taskId, running.taskId]));
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'picked' });
  });

  test('takes what started, as was recorded late, before its worker registered elsewhere without it', async () => {
    const former = randomUUID();
    const [late, kept] = [await claimed(former), await claimed(former)];
    const report = { workerId: 'worker', startedAgeUs: 1 };
    await markStarted(database.pool, former, [{ ...kept, ...report }]);
    const worker = registration({ inHand: [{ ...kept, startedAgeUs: 5 }] });
    await registerWorker(database.pool, worker, LEASE_MS);
    await markStarted(database.pool, former, [{ ...late, ...report }]);
    expect((await loseOrphans(database.pool)).map((l) => l.taskId)).toEqual([late.taskId]);
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'running', coordinator_id: SELF });
  });

  test('takes what should run in a session that does not know it, while that is the newest of its worker', async () => {
    const worker = registration();
    await registerWorker(database.pool, worker, LEASE_MS);
    const [unknown, picked] = [await claimed(), await claimed()];
    await markStarted(database.pool, SELF, [{ ...unknown, workerId: 'worker', startedAgeUs: 1 }]);
    expect(await listOwnRuns(database.pool, SELF)).toEqual([{ ...unknown, workerId: 'worker' }]);
    const of = (sessionId: string) => [unknown, picked].map((key) => ({ ...key, sessionId }));
    expect(await loseRuns(database.pool, of(randomUUID()))).toEqual([]);
    expect(await loseRuns(database.pool, of(worker.sessionId))).toMatchObject([{ ...unknown, state: 'scheduled' }]);
    expect(await storedTask(database.pool, picked.taskId)).toMatchObject({ state: 'picked' });
  });

  test('leaves a claim without an owner the time that it waits for', async () => {
    const { taskId } = await claimed(randomUUID(), { dueInMs: -LEASE_MS, retryLost: false });
    // As a retry that is put off.
    await database.pool.query(`UPDATE tasks SET due_at = now() + interval '1 h'`);
    const { due_at } = await storedTask(database.pool, taskId);
    expect(await loseOrphans(database.pool)).toEqual([]);
    expect(await storedTask(database.pool, taskId)).toMatchObject({ state: 'scheduled', attempt: 0, due_at });
  });

  test('fails what must not run again, and cancels what was to be cancelled', async () => {
    await registerWorker(database.pool, registration(), LEASE_MS);
    const [once, cancelling, both] = [
      await claimed(SELF, { retryLost: false }),
      await claimed(),
      await claimed(SELF, { retryLost: false }),
    ];
    await markStarted(
      database.pool,
      SELF,
      [once, cancelling, both].map((key) => ({ ...key, workerId: 'worker', startedAgeUs: 1 })),
    );
    await cancelTask(database.pool, cancelling.taskId);
    await cancelTask(database.pool, both.taskId);
    await endLease('workers', 'worker');
    const { lost } = await reapWorkers(database.pool);
    expect(new Map(lost.map((l) => [l.taskId, l.state]))).toEqual(
      new Map([
        [once.taskId, 'failed'],
        [cancelling.taskId, 'cancelled'],
        [both.taskId, 'cancelled'],
      ]),
    );
    expect(await storedTask(database.pool, once.taskId)).toMatchObject({
      reason: 'worker_lost',
      error: 'its worker or coordinator went away, and the task must not run again then',
      worker_id: 'worker',
      failed_at: expect.any(Date) as Date,
    });
    expect(await storedTask(database.pool, both.taskId)).toMatchObject({
      reason: 'cancelled',
      error: 'its worker or coordinator went away',
      cancelled_at: expect.any(Date) as Date,
    });
    const { rowCount } = await database.pool.query('SELECT FROM past_attempts');
    expect(rowCount).toBe(0);
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
    expect(row.error).toBe('its worker or coordinator went away; 6 attempts were lost');
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
