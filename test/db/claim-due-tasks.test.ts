import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CLAIM_BYTES, claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { confirmClaims } from '../../src/db/confirm-claims.ts';
import { insertTasks } from '../../src/db/insert-tasks.ts';
import { listDueHeads } from '../../src/db/list-due-heads.ts';
import { listOwnClaims } from '../../src/db/list-own-claims.ts';
import { loseOrphans } from '../../src/db/lose-orphans.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { seedRun } from './support/attempts.ts';
import { newTask } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('DELETE FROM tasks'));
afterAll(() => database.close());

const coordinatorId = randomUUID();
const claim = (over: Partial<Parameters<typeof claimDueTasks>[1]> = {}) =>
  claimDueTasks(database.pool, { coordinatorId, lane: 'default', priority: 0, lookaheadMs: 0, limit: 100, ...over });

describe('claimDueTasks', () => {
  test('takes what is due, the longest due first, and no more than asked', async () => {
    const ids = [];
    for (const dueInMs of [-3000, -2000, -1000, 5000]) ids.push(await seedTask(database.pool, { dueInMs }));
    expect(new Set((await claim({ limit: 2 })).map((t) => t.taskId))).toEqual(new Set(ids.slice(0, 2)));
    expect((await claim()).map((t) => t.taskId)).toEqual([ids[2]]);
    expect(await claim()).toEqual([]);
  });

  test('takes no more bytes than fit into an answer, but always the first', async () => {
    const big = newTask({ command: 'x'.repeat(1_000), secretEnv: { S: 'y'.repeat(CLAIM_BYTES / 4) } });
    const sizes = [big, big, newTask({ command: 'z'.repeat(CLAIM_BYTES / 100) }), big, big, newTask(), big, big];
    const ids = (await insertTasks(database.pool, sizes)).map(({ id }) => id);
    // All are due at the same instant, so they are in line by id.
    const first = await claim();
    expect(first.map((t) => t.taskId).sort()).toEqual(ids.slice(0, 5));
    expect(first[0]!.bytes).toBeGreaterThan(CLAIM_BYTES / 4);
    expect((await claim()).map((t) => t.taskId).sort()).toEqual(ids.slice(5));
    const alone = newTask({ secretEnv: { S: 'y'.repeat(CLAIM_BYTES + 1) } });
    await insertTasks(database.pool, [alone, newTask()]);
    expect(await claim()).toHaveLength(1);
  });

  test('looks ahead as far as asked', async () => {
    const soon = await seedTask(database.pool, { dueInMs: 20_000 });
    await seedTask(database.pool, { dueInMs: 40_000 });
    expect((await claim({ lookaheadMs: 30_000 })).map((t) => t.taskId)).toEqual([soon]);
  });

  test('returns what dispatching needs, and owns the task', async () => {
    const options = { env: { A: 'b' }, timeout_ms: 5 };
    const seed = { argv: ['echo', 'hi'], options, secretEnv: { S: 'x' }, stdin: Buffer.from('in') };
    const id = await seedTask(database.pool, { ...seed, dueInMs: -50, giveUpInMs: 1_000, totalTimeoutMs: 2 ** 40 });
    const [task] = await claim();
    const row = await storedTask(database.pool, id);
    expect(task).toEqual({
      taskId: id,
      attempt: 1,
      queue: 'default',
      lane: 'default',
      priority: 0,
      scheduledAtUs: expect.any(Number) as number,
      dueAtMs: expect.any(Number) as number,
      run: { command: null, argv: ['echo', 'hi'], options, secretEnv: { S: 'x' }, hasStdin: true },
      bytes: 0,
      giveUpAtMs: expect.any(Number) as number,
      totalTimeoutMs: 2 ** 40,
      totalDeadlineMs: null,
    });
    expect(Math.floor(task!.dueAtMs)).toBe(row.due_at.getTime());
    expect(Math.floor(task!.scheduledAtUs / 1000)).toBe(row.scheduled_at.getTime());
    expect(Math.floor(task!.giveUpAtMs!)).toBe(row.give_up_at!.getTime());
    expect(row).toMatchObject({ state: 'picked', attempt: 1, coordinator_id: coordinatorId, worker_id: null });
    expect(await confirmClaims(database.pool, coordinatorId, [{ taskId: id, attempt: 1 }])).toHaveLength(1);
    expect(await confirmClaims(database.pool, coordinatorId, [{ taskId: id, attempt: 2 }])).toHaveLength(0);
    expect(await confirmClaims(database.pool, randomUUID(), [{ taskId: id, attempt: 1 }])).toHaveLength(0);
    expect(await listOwnClaims(database.pool, coordinatorId)).toEqual([
      { taskId: id, attempt: 1, dueAtMs: task!.dueAtMs },
    ]);
    expect(await listOwnClaims(database.pool, randomUUID())).toEqual([]);
  });

  test('of a plain command gives no more than that', async () => {
    await seedTask(database.pool, { command: 'echo hi' });
    expect(await claim()).toMatchObject([
      {
        run: { command: 'echo hi', argv: null, options: {}, secretEnv: {}, hasStdin: false },
        giveUpAtMs: null,
        totalTimeoutMs: null,
        totalDeadlineMs: null,
      },
    ]);
  });

  test('says when the total timeout ends, once an attempt has started', async () => {
    const first = await seedRun(database.pool, { totalTimeoutMs: 60_000, giveUpInMs: 5_000 });
    const { first_started_at } = await storedTask(database.pool, first.taskId);
    await loseOrphans(database.pool);
    const [second] = await claim();
    expect(second).toMatchObject({ taskId: first.taskId, attempt: 2 });
    expect(second!.totalDeadlineMs).toBe(second!.giveUpAtMs);
    expect(Math.floor(second!.giveUpAtMs!)).toBe(first_started_at!.getTime() + 60_000);
  });

  test('two claimers never get the same task, and together get all', async () => {
    const total = 2_000;
    await database.pool.query(
      `INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at)
       SELECT gen_random_uuid(), 'default', 'default', 'true', now(), now() FROM generate_series(1, $1)`,
      [total],
    );
    const claimer = async () => {
      const mine: string[] = [];
      for (let left = 3; left > 0;) {
        const tasks = await claim({ coordinatorId: randomUUID(), limit: 37 });
        mine.push(...tasks.map((task) => task.taskId));
        // What the others have locked this moment is skipped, so an empty answer is not yet the end.
        if (tasks.length === 0) left--;
      }
      return mine;
    };
    const claimed = (await Promise.all(Array.from({ length: 6 }, claimer))).flat();
    expect(claimed).toHaveLength(total);
    expect(new Set(claimed).size).toBe(total);
  });
});

describe('listDueHeads', () => {
  test('names each lane and priority once, most urgent first', async () => {
    await seedTask(database.pool, { dueInMs: -10 });
    await seedTask(database.pool, { dueInMs: -20 });
    await seedTask(database.pool, { priority: 7, dueInMs: 9_000 });
    await seedTask(database.pool, { queue: 'gpu', labels: { type: 'a', region: 'eu' }, dueInMs: -90_000 });
    await seedTask(database.pool, { queue: 'gpu', priority: -5, dueInMs: -1 });
    const heads = await listDueHeads(database.pool);
    expect(heads.map(({ lane, priority }) => [lane, priority])).toEqual([
      ['default', 7],
      ['gpu,region=eu,type=a', 0],
      ['default', 0],
      ['gpu', -5],
    ]);
    expect(heads[0]?.dueInMs).toBeGreaterThan(5_000);
    expect(heads[1]?.dueInMs).toBeLessThan(-89_000);
  });

  test('is empty when nothing waits', async () => {
    expect(await listDueHeads(database.pool)).toEqual([]);
  });

  test('reads a handful of rows however many wait or have ended', async () => {
    await database.pool.query(
      `INSERT INTO tasks (id, queue, lane, priority, command, scheduled_at, due_at, state, cancelled_at)
       SELECT gen_random_uuid(), 'q' || i % 3, 'q' || i % 3, i % 2, 'true', now(), now() + i * interval '1 s',
         CASE WHEN i % 4 = 0 THEN 'cancelled' ELSE 'scheduled' END::task_state, CASE WHEN i % 4 = 0 THEN now() END
       FROM generate_series(1, 40000) AS i`,
    );
    await database.pool.query('VACUUM ANALYZE tasks');
    const buffers = async (sql: string, values: unknown[]) => {
      const { rows } = await database.pool.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
        values,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      return (plan?.['Shared Hit Blocks'] ?? Infinity) + (plan?.['Shared Read Blocks'] ?? Infinity);
    };
    const spy: { text: string; values?: unknown[] }[] = [];
    const recording = {
      query: (statement: { text: string; values?: unknown[] }) => {
        spy.push(statement);
        return database.pool.query(statement);
      },
    } as unknown as typeof database.pool;
    expect(await listDueHeads(recording)).toHaveLength(6);
    await claimDueTasks(recording, { coordinatorId, lane: 'q1', priority: 1, lookaheadMs: 9e9, limit: 10 });
    const [heads, claims] = spy;
    expect(await buffers(heads?.text ?? '', [])).toBeLessThan(150);
    expect(await buffers(claims?.text ?? '', claims?.values ?? [])).toBeLessThan(500);
  });
});
