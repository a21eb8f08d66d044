import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DUE_CHANNEL } from '../../src/db/channels.ts';
import { expireTasks } from '../../src/db/expire-tasks.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { listAttempts } from '../../src/db/list-attempts.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import { retryTask } from '../../src/db/retry-task.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { claim, COORDINATOR, exited, report, seedRun } from './support/attempts.ts';
import { Listening } from './support/listening.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
let listening: Listening;
beforeAll(async () => {
  database = await createTestDatabase();
  listening = await Listening.on(database.url, DUE_CHANNEL);
});
afterEach(async () => {
  await database.pool.query('DELETE FROM tasks');
  await listening.heard();
});
afterAll(async () => {
  await listening.stop();
  await database.close();
});

describe('retryTask', () => {
  test.each(['completed', 'failed', 'cancelled', 'expired'] as const)('runs a %s task again, now', async (state) => {
    const id = await seedRow(database.pool, { state, scheduledAt: '9999-01-01' });
    const outcome = await retryTask(database.pool, id);
    expect(outcome).toMatchObject({
      kind: 'scheduled',
      task: {
        ...{ id, state: 'scheduled', completedAt: null, failedAt: null, cancelledAt: null, expiredAt: null },
        ...{ pickedAt: null, startedAt: null, workerId: null, exitCode: null, reason: null },
      },
    });
    const { due_at, scheduled_at } = await storedTask(database.pool, id);
    expect(Math.abs(due_at.getTime() - Date.now())).toBeLessThan(10_000);
    expect(scheduled_at).toEqual(due_at);
    expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);
    const ran = state === 'completed' || state === 'failed';
    expect(await listAttempts(database.pool, id)).toHaveLength(ran ? 1 : 0);
    expect(await claim(database.pool)).toEqual({ taskId: id, attempt: ran ? 2 : 1 });
  });

  test.each(['scheduled', 'picked', 'running'] as const)('changes nothing of a %s one', async (state) => {
    const id = await seedRow(database.pool, { state });
    const before = await storedTask(database.pool, id);
    expect(await retryTask(database.pool, id)).toMatchObject({ kind: 'not_ended', task: { id, state } });
    expect(await storedTask(database.pool, id)).toEqual(before);
    expect(await listening.heard()).toEqual([]);
  });

  test('knows no other tasks than there are', async () => {
    expect(await retryTask(database.pool, randomUUID())).toEqual({ kind: 'unknown' });
  });

  test('gives the task all its retries and all its time again, and no start deadline', async () => {
    const retry = { max_attempts: 2, backoff: { type: 'fixed', delay_ms: 0 } } as const;
    const key = await seedRun(database.pool, { retry, totalTimeoutMs: 60_000, giveUpInMs: 1_000 });
    await finishAttempts(database.pool, COORDINATOR, [report(key, exited(9))]);
    const second = await claim(database.pool);
    expect(await finishAttempts(database.pool, COORDINATOR, [report(second, exited(8))])).toMatchObject([
      { state: 'failed' },
    ]);
    await database.pool.query('UPDATE tasks SET lost_attempts = 3');
    expect(await retryTask(database.pool, key.taskId)).toMatchObject({ kind: 'scheduled' });
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({
      ...{ attempt: 2, lost_attempts: 0, retry_counts: [], first_started_at: null, give_up_at: null },
      start_deadline: null,
    });
    expect((await expireTasks(database.pool)).ended).toEqual([]);
    const third = await claim(database.pool);
    expect(third.attempt).toBe(3);
    expect(await finishAttempts(database.pool, COORDINATOR, [report(third, exited(7))])).toMatchObject([
      { state: 'scheduled' },
    ]);
    const attempts = await listAttempts(database.pool, key.taskId);
    expect(attempts?.map(({ attempt, exitCode }) => [attempt, exitCode])).toEqual([
      [1, 9],
      [2, 8],
      [3, 7],
    ]);
  });

  test('makes reports of the attempt before it late', async () => {
    const key = await seedRun(database.pool);
    await finishAttempts(database.pool, COORDINATOR, [report(key, exited(9))]);
    await retryTask(database.pool, key.taskId);
    const late = async () => [
      ...(await finishAttempts(database.pool, COORDINATOR, [report(key, exited(0))])),
      ...(await markStarted(database.pool, COORDINATOR, [{ ...key, workerId: 'worker', startedAgeUs: 1 }])),
    ];
    expect(await late()).toEqual([]);
    await claim(database.pool);
    expect(await late()).toEqual([]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({ state: 'picked', attempt: 2 });
  });

  test('twice at once runs it again once', async () => {
    const id = await seedRow(database.pool, { state: 'failed' });
    const kinds = await Promise.all(Array.from({ length: 4 }, () => retryTask(database.pool, id)));
    expect(kinds.filter(({ kind }) => kind === 'scheduled')).toHaveLength(1);
    expect(await listAttempts(database.pool, id)).toHaveLength(1);
  });
});

describe('listAttempts', () => {
  test('of a task that was never claimed are none, and of no task there is no list', async () => {
    expect(await listAttempts(database.pool, await seedTask(database.pool))).toEqual([]);
    expect(await listAttempts(database.pool, randomUUID())).toBeNull();
  });

  test('has the one that runs, too', async () => {
    const { taskId } = await seedRun(database.pool);
    expect(await listAttempts(database.pool, taskId)).toMatchObject([
      { attempt: 1, workerId: 'worker', startedAt: expect.any(Date) as Date, endedAt: null, reason: null },
    ]);
  });
});
