import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { expireClaims } from '../../src/db/expire-claims.ts';
import { expireTasks } from '../../src/db/expire-tasks.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { claim, COORDINATOR, exited, report, seedClaim, seedRun } from './support/attempts.ts';
import { explain } from './support/explain.ts';
import { intercept, type Statement } from './support/intercept.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('DELETE FROM tasks'));
afterAll(() => database.close());

const ANY_DATE = expect.any(Date) as Date;

/** Moves the task's time back, as time does. */
async function timeIsUp(taskId: string): Promise<void> {
  await database.pool.query(`UPDATE tasks SET give_up_at = now() - interval '1 ms' WHERE id = $1`, [taskId]);
}

/** A task whose first attempt failed and whose second one is due in a minute. */
async function seedRetry(): Promise<string> {
  const retry = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: 60_000 } } as const;
  const key = await seedRun(database.pool, { retry, totalTimeoutMs: 90_000 });
  await finishAttempts(database.pool, COORDINATOR, [report(key, exited(9))]);
  return key.taskId;
}

describe('expireTasks', () => {
  test('ends what has not started in time, and says when to look again', async () => {
    expect(await expireTasks(database.pool)).toEqual({ ended: [], nextInMs: null });
    const late = await seedTask(database.pool, { dueInMs: -10, giveUpInMs: -1 });
    const early = await seedTask(database.pool, { giveUpInMs: 60_000 });
    await seedTask(database.pool, { giveUpInMs: 120_000 });
    await seedTask(database.pool);
    const { ended, nextInMs } = await expireTasks(database.pool);
    expect(ended).toEqual([{ taskId: late, state: 'expired' }]);
    expect(nextInMs).toBeGreaterThan(50_000);
    expect(nextInMs).toBeLessThanOrEqual(60_000);
    expect(await storedTask(database.pool, late)).toMatchObject({
      state: 'expired',
      expired_at: ANY_DATE,
      reason: null,
    });
    expect(await storedTask(database.pool, early)).toMatchObject({ state: 'scheduled' });
    expect((await expireTasks(database.pool)).ended).toEqual([]);
  });

  test('fails what has started before and waits for another attempt', async () => {
    const taskId = await seedRetry();
    expect((await expireTasks(database.pool)).ended).toEqual([]);
    await timeIsUp(taskId);
    expect((await expireTasks(database.pool)).ended).toEqual([{ taskId, state: 'failed' }]);
    expect(await storedTask(database.pool, taskId)).toMatchObject({
      ...{ state: 'failed', failed_at: ANY_DATE, reason: 'timed_out' },
      error: 'no other attempt fits into its total timeout of 90000 ms',
    });
  });

  test('leaves claimed and running tasks to their owners', async () => {
    const [picked, running] = [await seedClaim(database.pool), await seedRun(database.pool)];
    await timeIsUp(picked.taskId);
    await timeIsUp(running.taskId);
    expect(await expireTasks(database.pool)).toEqual({ ended: [], nextInMs: null });
  });

  test('takes a bounded number at once, and says that there may be more', async () => {
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at, start_deadline, give_up_at)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now(), now(), now(), now() FROM generate_series(1, 1500)`);
    const first = await expireTasks(database.pool);
    expect([first.ended.length, first.nextInMs]).toEqual([1_000, 0]);
    const second = await expireTasks(database.pool);
    expect([second.ended.length, second.nextInMs]).toEqual([500, null]);
  });

  test('and a claim never both get a task', async () => {
    for (let i = 0; i < 300; i++) await seedTask(database.pool, { dueInMs: -10, giveUpInMs: -1 });
    const claims = Array.from({ length: 10 }, () =>
      claimDueTasks(database.pool, {
        ...{ coordinatorId: randomUUID(), lane: 'default', priority: 0, lookaheadMs: 0, limit: 20 },
      }),
    );
    const [first, ...claimed] = await Promise.all([expireTasks(database.pool), ...claims]);
    const { ended } = await expireTasks(database.pool);
    const all = [...first.ended, ...ended, ...claimed.flat()].map(({ taskId }) => taskId);
    expect(all).toHaveLength(300);
    expect(new Set(all).size).toBe(300);
  });

  test('that meets a claim passes it over', async () => {
    const taskId = await seedTask(database.pool, { dueInMs: -10, giveUpInMs: -1 });
    const other = await database.pool.connect();
    await other.query('BEGIN');
    const key = await claim(other);
    expect((await expireTasks(database.pool)).ended).toEqual([]);
    await other.query('COMMIT');
    other.release();
    expect(await expireClaims(database.pool, COORDINATOR, [key])).toEqual([{ taskId, state: 'expired' }]);
  });

  test('reads what is late and nothing else', async () => {
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at, start_deadline, give_up_at)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now(), now(), d, d
      FROM generate_series(1, 10000) i,
        LATERAL (SELECT CASE WHEN i % 2 = 0 THEN now() + i * interval '1 s' WHEN i < 10 THEN now() END AS d) x`);
    await database.pool.query('VACUUM ANALYZE tasks');
    let asked: Statement | undefined;
    const db = intercept(database.pool, (statement) => {
      asked = statement;
    });
    expect((await expireTasks(db)).ended).toHaveLength(5);
    const cost = await explain(database.pool, asked!);
    expect(cost).toMatchObject({ scanned: [] });
    expect(cost.blocks).toBeLessThan(50);
  });
});

describe('expireClaims', () => {
  test('ends own claims whose time has come, and nothing else', async () => {
    const [late, early, running, cancelling] = [
      await seedClaim(database.pool, { giveUpInMs: 1 }),
      await seedClaim(database.pool, { giveUpInMs: 60_000 }),
      await seedRun(database.pool, { giveUpInMs: 1 }),
      await seedClaim(database.pool, { giveUpInMs: 1 }),
    ];
    const elsewhere = await seedClaim(database.pool, { giveUpInMs: 1 }, randomUUID());
    await cancelTask(database.pool, cancelling.taskId);
    for (const { taskId } of [late, running, cancelling, elsewhere]) await timeIsUp(taskId);
    const stale = { ...late, attempt: 2 };
    expect(await expireClaims(database.pool, COORDINATOR, [stale, early, running, cancelling, elsewhere])).toEqual([]);
    expect(await expireClaims(database.pool, COORDINATOR, [late, early])).toEqual([
      { taskId: late.taskId, state: 'expired' },
    ]);
    expect(await storedTask(database.pool, late.taskId)).toMatchObject({
      ...{ state: 'expired', expired_at: ANY_DATE, coordinator_id: null, picked_at: null },
    });
  });

  test('fails what has started before', async () => {
    const taskId = await seedRetry();
    const key = await claim(database.pool);
    await timeIsUp(taskId);
    expect(await expireClaims(database.pool, COORDINATOR, [key])).toEqual([{ taskId, state: 'failed' }]);
    expect(await storedTask(database.pool, taskId)).toMatchObject({ reason: 'timed_out', attempt: 2 });
  });
});
