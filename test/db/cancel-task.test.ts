import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { CANCELLED_CHANNEL } from '../../src/db/channels.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import type { Queryable } from '../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storedTask } from '../support/tasks.ts';
import { COORDINATOR, exited, report, seedRun, start } from './support/attempts.ts';
import { untilBlocked } from './support/blocked.ts';
import { Listening } from './support/listening.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
let listening: Listening;
beforeAll(async () => {
  database = await createTestDatabase();
  listening = await Listening.on(database.url, CANCELLED_CHANNEL);
});
afterAll(async () => {
  await listening.stop();
  await database.close();
});

const TOLD = [{ channel: CANCELLED_CHANNEL, payload: '' }];

const CLAIM_SQL = /* sql */ `
  UPDATE tasks SET state = 'picked', attempt = attempt + 1, picked_at = now(), coordinator_id = gen_random_uuid()
  WHERE id = $1
`;

/** Runs `first` in a transaction that is committed once `second` waits for it. */
async function during<T>(first: (db: Queryable) => Promise<unknown>, second: () => Promise<T>): Promise<T> {
  const other = await database.pool.connect();
  await other.query('BEGIN');
  await first(other);
  const waiting = second();
  await untilBlocked(database.pool);
  await other.query('COMMIT');
  other.release();
  return waiting;
}

describe('cancelTask', () => {
  test('ends a task that waits, and says nothing to anyone', async () => {
    const id = await seedRow(database.pool);
    const outcome = await cancelTask(database.pool, id);
    expect(outcome).toMatchObject({ kind: 'cancelled', task: { id, state: 'cancelled', reason: 'cancelled' } });
    expect(outcome).toHaveProperty('task.cancelledAt', expect.any(Date));
    expect(outcome).toHaveProperty('task.cancelRequestedAt', null);
    expect(await listening.heard()).toEqual([]);
  });

  test.each(['picked', 'running'] as const)('asks the owner of a %s one to end it', async (state) => {
    const id = await seedRow(database.pool, { state });
    const outcome = await cancelTask(database.pool, id);
    expect(outcome).toMatchObject({ kind: 'cancelling', task: { id, state, reason: null, cancelledAt: null } });
    expect(outcome).toHaveProperty('task.cancelRequestedAt', expect.any(Date));
    expect(await listening.heard()).toEqual(TOLD);
  });

  test.each(['scheduled', 'picked', 'running'] as const)('changes nothing the second time: %s', async (state) => {
    const id = await seedRow(database.pool, { state });
    const first = await cancelTask(database.pool, id);
    await listening.heard();
    expect(await cancelTask(database.pool, id)).toEqual(first);
    expect(await listening.heard()).toEqual([]);
  });

  test.each(['completed', 'failed', 'expired'] as const)('comes too late for a %s one', async (state) => {
    const id = await seedRow(database.pool, { state });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'too_late', task: { id, state } });
    expect(await storedTask(database.pool, id)).toMatchObject({ state, cancelled_at: null, cancel_requested_at: null });
    expect(await listening.heard()).toEqual([]);
  });

  test('knows no other tasks than there are', async () => {
    expect(await cancelTask(database.pool, randomUUID())).toEqual({ kind: 'unknown' });
  });
});

describe('a cancel that meets', () => {
  test('a claim asks whoever claimed it', async () => {
    const id = await seedRow(database.pool);
    const outcome = await during(
      (db) => db.query(CLAIM_SQL, [id]),
      () => cancelTask(database.pool, id),
    );
    expect(outcome).toMatchObject({ kind: 'cancelling', task: { state: 'picked', attempt: 1 } });
    expect(await listening.heard()).toEqual(TOLD);
  });

  test('an end that is first comes too late', async () => {
    const key = await seedRun(database.pool);
    const outcome = await during(
      (db) => finishAttempts(db, COORDINATOR, [report(key)]),
      () => cancelTask(database.pool, key.taskId),
    );
    expect(outcome).toMatchObject({ kind: 'too_late', task: { state: 'completed', exitCode: 0 } });
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({ state: 'completed' });
  });

  test.each([
    ['success', exited(0), {}],
    ['failure', exited(1), {}],
    ['failure that would be retried', exited(1), { retry: { max_attempts: 5 } }],
    ['hand-back', { reason: 'worker_lost', exitCode: null, signal: 'SIGTERM', error: 'it had to leave' }, {}],
  ] as const)('an end that is second wins over it: %s', async (_, result, seed) => {
    const key = await seedRun(database.pool, seed);
    const recorded = await during(
      (db) => cancelTask(db, key.taskId),
      () => finishAttempts(database.pool, COORDINATOR, [report(key, result)]),
    );
    expect(recorded).toEqual([{ ...key, state: 'cancelled' }]);
    expect(await cancelTask(database.pool, key.taskId)).toMatchObject({
      kind: 'cancelled',
      task: { reason: 'cancelled', workerId: 'worker', error: result.error },
    });
  });

  test('a start lets it run until its owner hears of it', async () => {
    const key = await seedRun(database.pool);
    await cancelTask(database.pool, key.taskId);
    expect(await markStarted(database.pool, COORDINATOR, [{ ...key, workerId: 'worker', startedAgeUs: 1 }])).toEqual([
      key,
    ]);
    await start(database.pool, key);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({
      state: 'running',
      cancel_requested_at: expect.any(Date) as Date,
    });
  });
});
