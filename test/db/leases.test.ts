import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptKey } from '../../src/db/attempt-key.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { countMembers } from '../../src/db/count-members.ts';
import { drainWorker } from '../../src/db/drain-worker.ts';
import { findWorkerStandings } from '../../src/db/find-worker-standings.ts';
import { listCancelRequests } from '../../src/db/list-cancel-requests.ts';
import { loseDispatched } from '../../src/db/lose-dispatched.ts';
import { listOwnRuns } from '../../src/db/list-own-runs.ts';
import { loseOrphans } from '../../src/db/lose-orphans.ts';
import { loseRuns } from '../../src/db/lose-runs.ts';
import { adoptAttempts, markStarted } from '../../src/db/mark-started.ts';
import { nextLeaseEndMs } from '../../src/db/next-lease-end.ts';
import { reapCoordinators } from '../../src/db/reap-coordinators.ts';
import { reapWorkers } from '../../src/db/reap-workers.ts';
import { registerWorker, type WorkerRegistered, type WorkerRegistration } from '../../src/db/register-worker.ts';
import { releaseClaimsIfRoomElsewhere } from '../../src/db/release-claims.ts';
import { renewLeases } from '../../src/db/renew-leases.ts';
import { MAX_LOST_ATTEMPTS } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storedTask, type TaskSeed } from '../support/tasks.ts';
import { seedClaim } from './support/attempts.ts';
import { untilBlocked } from './support/blocked.ts';

const LEASE_MS = 60_000;
const SELF = randomUUID();
/** Every lease that has ended had ended before. */
const ANY_TIME = Infinity;

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

async function standing(worker: WorkerRegistration, beforeMs: number | null = ANY_TIME) {
  return (await findWorkerStandings(database.pool, [worker], beforeMs)).get(worker.sessionId)?.standing;
}

function register(worker: WorkerRegistration, leaseMs = LEASE_MS): Promise<WorkerRegistered> {
  return registerWorker(database.pool, worker, leaseMs, ANY_TIME);
}

function claimed(coordinatorId = SELF, seed: TaskSeed = {}): Promise<AttemptKey> {
  return seedClaim(database.pool, seed, coordinatorId);
}

describe('renewing', () => {
  test('keeps the leases of the coordinator and of the sessions that beat, and reads the clock', async () => {
    const worker = registration();
    const first = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, []);
    expect(first).toMatchObject({ registeredAnew: true, workers: [] });
    await register(worker, 1);
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
    await register(old);
    await register({ ...old, sessionId: randomUUID(), ordinal: ++ordinal });
    const { workerId, sessionId } = old;
    const renewal = await renewLeases(database.pool, coordinator(SELF), LEASE_MS, [{ workerId, sessionId }]);
    expect(renewal.workers).toEqual([]);
    expect(await findWorkerStandings(database.pool, [old], ANY_TIME)).toEqual(
      new Map([[sessionId, { standing: 'newer_session', drainTimeoutMs: null }]]),
    );
  });
});

describe('registering', () => {
  test('refuses a second process with the same id until the lease of the first has ended', async () => {
    const first = registration();
    const second = registration({ pid: 8 });
    await register(first);
    expect(await register(second)).toEqual({
      outcome: 'id_in_use',
      hostname: 'host',
      pid: 7,
      ended: false,
    });
    await endLease('workers', 'worker');
    expect(await standing(first)).toBe('gone');
    expect(await register(second)).toMatchObject({ outcome: 'registered' });
    // It has not named what the first one ran, which says nothing of whether that ran.
    expect(await standing(first)).toBe('other_process');
  });

  test('of an older session that arrives late changes nothing', async () => {
    const older = registration();
    const newer = { ...older, sessionId: randomUUID(), ordinal: ++ordinal };
    await register(newer);
    const running = await claimed();
    await markStarted(database.pool, SELF, [{ ...running, workerId: 'worker', startedAgeUs: 1 }]);
    expect(await register(older)).toEqual({ outcome: 'overtaken' });
    expect(await storedTask(database.pool, running.taskId)).toMatchObject({ state: 'running', attempt: 1 });
    expect(await standing(newer)).toBe('same_session');
  });

  test('takes over what the worker brings along, whatever its last coordinator still records', async () => {
    const former = randomUUID();
    const key = await claimed(former);
    const inHand = [{ ...key, startedAgeUs: 5 }];
    const report = [{ ...key, workerId: 'worker', startedAgeUs: 5 }];
    await markStarted(database.pool, former, report);
    await register(registration({ inHand }));
    // Kept while PostgreSQL was out of its reach.
    expect(await markStarted(database.pool, former, report)).toEqual([key]);
    await cancelTask(database.pool, key.taskId);
    expect(await listCancelRequests(database.pool, SELF)).toEqual([{ ...key, state: 'running' }]);
  });

  test('takes back what the worker should run and does not know of', async () => {
    const worker = registration();
    await register(worker);
    const [known, forgotten] = [await claimed(), await claimed()];
    const start = { workerId: 'worker', startedAgeUs: 1 };
    await markStarted(database.pool, SELF, [
      { ...known, ...start },
      { ...forgotten, ...start },
    ]);
    const again = { ...worker, sessionId: randomUUID(), ordinal: ++ordinal, inHand: [{ ...known, startedAgeUs: 5 }] };
    expect(await register(again)).toMatchObject({
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
    await register(worker);
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
      const standings = await findWorkerStandings(database.pool, [worker], ANY_TIME);
      expect(standings.get(sessionId)).toEqual({ standing: 'same_session', drainTimeoutMs });
    }
    const again = { ...worker, sessionId: randomUUID(), ordinal: ++ordinal };
    expect(await register(again)).toMatchObject({ draining: true, drainTimeoutMs: 0 });
    await endLease('workers', workerId);
    const successor = await register(registration());
    expect(successor).toMatchObject({ draining: false, drainTimeoutMs: null });
  });
});

describe('reaping', () => {
  test('takes the tasks of a worker whose lease has ended, and of no other', async () => {
    await register(registration());
    await register(registration({ workerId: 'healthy' }));
    const [lost, kept] = [await claimed(), await claimed()];
    await markStarted(database.pool, SELF, [
      { ...lost, workerId: 'worker', startedAgeUs: 1 },
      { ...kept, workerId: 'healthy', startedAgeUs: 1 },
    ]);
    expect(await reapWorkers(database.pool, ANY_TIME)).toEqual({ workerIds: [], lost: [] });
    await endLease('workers', 'worker');
    expect(await nextLeaseEndMs(database.pool, SELF)).toBeLessThan(0);
    const reaped = await Promise.all([reapWorkers(database.pool, ANY_TIME), reapWorkers(database.pool, ANY_TIME)]);
    expect(reaped.flatMap((r) => r.workerIds)).toEqual(['worker']);
    expect(reaped.flatMap((r) => r.lost).map((l) => l.taskId)).toEqual([lost.taskId]);
    expect(await storedTask(database.pool, lost.taskId)).toMatchObject({ state: 'scheduled', worker_id: null });
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'running' });
  });

  test('takes all tasks of many workers, and tells of those without any', async () => {
    const ids = ['a', 'b', 'c'];
    for (const workerId of ids) await register(registration({ workerId }));
    const runs = [await claimed(), await claimed(), await claimed()];
    const owner = ['a', 'a', 'b'];
    const starts = runs.map((key, index) => ({ ...key, workerId: owner[index]!, startedAgeUs: 1 }));
    await markStarted(database.pool, SELF, starts);
    for (const id of ids) await endLease('workers', id);
    expect(await countMembers(database.pool, 0)).toEqual({ coordinators: 0, workers: 3 });
    const { lost, workerIds } = await reapWorkers(database.pool, ANY_TIME);
    expect([...workerIds].sort()).toEqual(ids);
    expect(new Map(lost.map((l) => [l.taskId, l.workerId]))).toEqual(
      new Map(runs.map(({ taskId }, index) => [taskId, owner[index]!])),
    );
    expect(await countMembers(database.pool, 0)).toEqual({ coordinators: 0, workers: 0 });
  });

  test('takes only what had ended at the instant for which it has the right, however late it comes', async () => {
    const gone = randomUUID();
    await renewLeases(database.pool, coordinator(gone), LEASE_MS, []);
    const worker = registration({ coordinatorId: gone });
    await register(worker);
    await endLease('workers', 'worker');
    await endLease('coordinators', gone);
    const { rows } = await database.pool.query<{ ms: number }>(
      'SELECT extract(epoch FROM lease_until)::float8 * 1000 AS ms FROM workers',
    );
    const endedMs = rows[0]!.ms;
    expect(await standing(worker, null)).toBe('same_session');
    expect(await standing(worker, endedMs - 1)).toBe('same_session');
    expect(await standing(worker, endedMs + 1)).toBe('gone');
    const other = registration({ coordinatorId: gone });
    for (const beforeMs of [null, endedMs - 1]) {
      const outcome = await registerWorker(database.pool, other, LEASE_MS, beforeMs);
      expect(outcome).toEqual({ outcome: 'id_in_use', hostname: 'host', pid: 7, ended: true });
    }
    expect(await reapWorkers(database.pool, endedMs - 1)).toEqual({ workerIds: [], lost: [] });
    const coordinators = async () => (await database.pool.query('SELECT FROM coordinators')).rowCount;
    await reapCoordinators(database.pool, SELF, endedMs - 1_000);
    expect(await coordinators()).toBe(1);
    expect(await reapWorkers(database.pool, endedMs + 1)).toEqual({ workerIds: ['worker'], lost: [] });
    await reapCoordinators(database.pool, SELF, ANY_TIME);
    expect(await coordinators()).toBe(0);
  });

  test('takes nothing that lives, whatever the instant: the clock may have been set back since', async () => {
    const alive = randomUUID();
    await renewLeases(database.pool, coordinator(alive), LEASE_MS, []);
    const worker = registration({ coordinatorId: alive });
    await register(worker);
    expect(await reapWorkers(database.pool, ANY_TIME)).toEqual({ workerIds: [], lost: [] });
    expect(await reapCoordinators(database.pool, SELF, ANY_TIME)).toEqual([]);
    expect(await standing(worker)).toBe('same_session');
    expect(await countMembers(database.pool, 0.9 * LEASE_MS)).toEqual({ coordinators: 1, workers: 1 });
    expect(await countMembers(database.pool, 1.1 * LEASE_MS)).toEqual({ coordinators: 0, workers: 1 });
  });

  test('takes the claims of a coordinator only when none of its workers can be running them', async () => {
    const dead = randomUUID();
    await renewLeases(database.pool, coordinator(dead), LEASE_MS, []);
    const worker = registration({ coordinatorId: dead });
    await register(worker);
    const claim = await claimed(dead);
    expect(await reapCoordinators(database.pool, SELF, ANY_TIME)).toEqual([]);
    await endLease('coordinators', dead);
    // The worker may have been sent it, and lives.
    expect(await reapCoordinators(database.pool, SELF, ANY_TIME)).toEqual([]);
    // It registers elsewhere, and does not name it.
    await register({ ...worker, sessionId: randomUUID(), coordinatorId: SELF, ordinal: ++ordinal });
    expect((await reapCoordinators(database.pool, SELF, ANY_TIME)).map((l) => l.taskId)).toEqual([claim.taskId]);
    expect(await renewLeases(database.pool, coordinator(dead), LEASE_MS, [])).toMatchObject({ registeredAnew: true });
  });

  test('does not count what its coordinator cannot have sent yet as lost', async () => {
    const dead = randomUUID();
    await renewLeases(database.pool, coordinator(dead), LEASE_MS, []);
    const ahead = await claimed(dead, { dueInMs: 2 * LEASE_MS, retryLost: false });
    const cancelling = await claimed(dead, { dueInMs: 2 * LEASE_MS });
    await cancelTask(database.pool, cancelling.taskId);
    await endLease('coordinators', dead);
    expect(await reapCoordinators(database.pool, SELF, ANY_TIME)).toEqual([]);
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

  test('leaves what finds an owner while it waits for the lock', async () => {
    const former = randomUUID();
    const key = await claimed(former);
    const other = randomUUID();
    const lock = await database.pool.connect();
    await lock.query('BEGIN');
    await lock.query('SELECT FROM tasks FOR UPDATE');
    const losing = loseOrphans(database.pool);
    await untilBlocked(database.pool);
    // Its worker brings it to another coordinator.
    const worker = registration({ coordinatorId: other });
    await renewLeases(database.pool, coordinator(other), LEASE_MS, []);
    await register(worker);
    await adoptAttempts(lock, other, [{ ...key, workerId: 'worker', startedAgeUs: 1 }]);
    await lock.query('COMMIT');
    lock.release();
    expect(await losing).toEqual([]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({ state: 'running', coordinator_id: other });
  });

  test('takes what started, as was recorded late, before its worker registered elsewhere without it', async () => {
    const former = randomUUID();
    const [late, kept] = [await claimed(former), await claimed(former)];
    const report = { workerId: 'worker', startedAgeUs: 1 };
    await markStarted(database.pool, former, [{ ...kept, ...report }]);
    const worker = registration({ inHand: [{ ...kept, startedAgeUs: 5 }] });
    await register(worker);
    await markStarted(database.pool, former, [{ ...late, ...report }]);
    expect((await loseOrphans(database.pool)).map((l) => l.taskId)).toEqual([late.taskId]);
    expect(await storedTask(database.pool, kept.taskId)).toMatchObject({ state: 'running', coordinator_id: SELF });
  });

  test('takes what should run in a session that does not know it, while that is the newest of its worker', async () => {
    const worker = registration();
    await register(worker);
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
    await register(registration());
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
    const { lost } = await reapWorkers(database.pool, ANY_TIME);
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
    register(registration({ workerId: 'elsewhere', coordinatorId: randomUUID(), slots: 1, ...over }));

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
