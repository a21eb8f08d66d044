import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { DUE_CHANNEL } from '../../src/db/channels.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { listAttempts } from '../../src/db/list-attempts.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import type { AttemptResult } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { claim, COORDINATOR, exited, report, seedClaim, seedRun, start } from './support/attempts.ts';
import { intercept } from './support/intercept.ts';
import { Listening } from './support/listening.ts';

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

const finish = (...reports: Parameters<typeof finishAttempts>[2]) =>
  finishAttempts(database.pool, COORDINATOR, reports, { random: () => 0.5 });
const now = { type: 'fixed', delay_ms: 0 } as const;
const minutes = (count: number) => ({ type: 'fixed', delay_ms: count * 60_000 }) as const;
const handedBack: AttemptResult = {
  reason: 'worker_lost',
  exitCode: null,
  signal: 'SIGTERM',
  error: 'the worker had to leave',
};
const ANY_DATE = expect.any(Date) as Date;

async function chunks(taskId: string): Promise<unknown[]> {
  const { rows } = await database.pool.query<Record<string, unknown>>(
    `SELECT attempt, start_at::int, data, segments, stdout_end::int, stderr_end::int FROM output_chunks
     WHERE task_id = $1 ORDER BY attempt, start_at`,
    [taskId],
  );
  return rows.map((row) => Object.values(row));
}

describe('finishAttempts', () => {
  test('records how an attempt ended, what it took and what it wrote', async () => {
    const [good, bad] = [await seedClaim(database.pool), await seedRun(database.pool)];
    const piece = { start: 0, data: Buffer.from([0, 255, 10]), segments: [2, -1], stdoutEnd: 2, stderrEnd: 1 };
    const end = { start: 9, data: Buffer.alloc(0), segments: [], stdoutEnd: 5, stderrEnd: 4 };
    const output = [piece, end].map((p) => ({ ...p, replacesFrom: null }));
    const usage = { cpuMs: 12, peakMemoryBytes: 2 ** 40 };
    expect(
      await finish(report(good, exited(0), { output, usage }), report(bad, { ...exited(3), error: 'why' })),
    ).toEqual(
      expect.arrayContaining([
        { ...good, state: 'completed' },
        { ...bad, state: 'failed' },
      ]),
    );
    expect(await storedTask(database.pool, good.taskId)).toMatchObject({
      state: 'completed',
      ...{ reason: 'exited', exit_code: 0, worker_id: 'worker', coordinator_id: COORDINATOR },
      ...{ cpu_ms: '12', peak_memory_bytes: String(2 ** 40), started_at: ANY_DATE, completed_at: ANY_DATE },
    });
    expect(await storedTask(database.pool, bad.taskId)).toMatchObject({
      ...{ state: 'failed', exit_code: 3, error: 'why', failed_at: ANY_DATE, cpu_ms: null },
    });
    expect(await chunks(good.taskId)).toEqual([
      [1, 0, piece.data, [2, -1], 2, 1],
      [1, 9, end.data, [], 5, 4],
    ]);
    expect(await chunks(bad.taskId)).toEqual([]);
  });

  test('takes one statement for tasks without a policy, cancelled ones, and plain successes', async () => {
    const plain = await seedClaim(database.pool);
    const failing = await seedClaim(database.pool);
    const cancelling = await seedRun(database.pool, { retry: { max_attempts: 3 } });
    await cancelTask(database.pool, cancelling.taskId);
    const lucky = await seedClaim(database.pool, { retry: { max_attempts: 3 } });
    const refused = await seedClaim(database.pool, { retry: { max_attempts: 3 } });
    let statements = 0;
    const db = intercept(database.pool, () => statements++);
    const rejected = { reason: 'rejected', exitCode: null, signal: null, error: 'no sudo' } as const;
    const recorded = await finishAttempts(db, COORDINATOR, [
      report(plain),
      report(failing, exited(1)),
      report(cancelling, exited(1)),
      report(lucky),
      report(refused, rejected, { startedAgeUs: null }),
    ]);
    expect(new Map(recorded.map((end) => [end.taskId, end.state]))).toEqual(
      new Map([
        [plain.taskId, 'completed'],
        [failing.taskId, 'failed'],
        [cancelling.taskId, 'cancelled'],
        [lucky.taskId, 'completed'],
        [refused.taskId, 'failed'],
      ]),
    );
    expect(statements).toBe(1);
  });

  test('records nothing of an attempt that is not current, or that another worker has', async () => {
    const policy = { retry: { max_attempts: 9, backoff: now, success_exit_codes: [7] } };
    for (const seed of [{}, policy]) {
      for (const result of [exited(0), exited(1), handedBack]) {
        const [stale, foreign] = [await seedClaim(database.pool, seed), await seedRun(database.pool, seed)];
        const output = [
          { start: 0, data: Buffer.from('x'), segments: [1], stdoutEnd: 1, stderrEnd: 0, replacesFrom: null },
        ];
        const before = [await storedTask(database.pool, stale.taskId), await storedTask(database.pool, foreign.taskId)];
        expect(
          await finish(
            report({ ...stale, attempt: 2 }, result, { output }),
            report(foreign, result, { output, workerId: 'another' }),
            report({ taskId: randomUUID(), attempt: 1 }, result, { output }),
          ),
        ).toEqual([]);
        const after = [await storedTask(database.pool, stale.taskId), await storedTask(database.pool, foreign.taskId)];
        expect(after).toEqual(before);
        expect(await chunks(stale.taskId)).toEqual([]);
      }
    }
  });

  test('records each report once', async () => {
    const policy = { retry: { max_attempts: 9, backoff: minutes(1) } };
    const [plain, retried, back] = [
      await seedClaim(database.pool),
      await seedClaim(database.pool, policy),
      await seedClaim(database.pool),
    ];
    const reports = [report(plain), report(retried, exited(1)), report(back, handedBack)];
    expect(await finish(...reports)).toHaveLength(3);
    expect(await finish(...reports)).toEqual([]);
    expect(await listAttempts(database.pool, retried.taskId)).toHaveLength(1);
  });

  test('stores a piece of output that is there already without a word', async () => {
    const key = await seedRun(database.pool);
    await database.pool.query(`INSERT INTO output_chunks VALUES ($1, 1, 0, 'x', '{1}', 1, 0)`, [key.taskId]);
    const output = [
      { start: 0, data: Buffer.from('x'), segments: [1], stdoutEnd: 1, stderrEnd: 0, replacesFrom: null },
      { start: 1, data: Buffer.from('y'), segments: [-1], stdoutEnd: 1, stderrEnd: 1, replacesFrom: null },
    ];
    expect(await finish(report(key, exited(0), { output }))).toEqual([{ ...key, state: 'completed' }]);
    expect(await chunks(key.taskId)).toHaveLength(2);
  });
});

describe('a retry', () => {
  test('waits for its backoff, and keeps the attempt', async () => {
    const retry = { max_attempts: 3, backoff: minutes(10), retry_on: [{ on: 'exit_code', codes: [9] }] } as const;
    const key = await seedRun(database.pool, { retry });
    const output = [
      { start: 0, data: Buffer.from('x'), segments: [1], stdoutEnd: 1, stderrEnd: 0, replacesFrom: null },
    ];
    const usage = { cpuMs: 7, peakMemoryBytes: 8 };
    expect(await finish(report(key, { ...exited(9), error: 'why' }, { output, usage }))).toEqual([
      { ...key, state: 'scheduled' },
    ]);
    const row = await storedTask(database.pool, key.taskId);
    expect(row).toMatchObject({
      ...{ state: 'scheduled', attempt: 1, retry_counts: [1, 1], lost_attempts: 0 },
      ...{ worker_id: null, coordinator_id: null, picked_at: null, started_at: null, first_started_at: ANY_DATE },
      ...{ exit_code: null, reason: null, error: null, cpu_ms: null, peak_memory_bytes: null },
    });
    expect(Math.abs(row.due_at.getTime() - Date.now() - 600_000)).toBeLessThan(5_000);
    expect(await listAttempts(database.pool, key.taskId)).toEqual([
      {
        ...{ attempt: 1, workerId: 'worker', pickedAt: ANY_DATE, startedAt: ANY_DATE, endedAt: ANY_DATE },
        ...{ exitCode: 9, signal: null, reason: 'exited', error: 'why', cpuMs: 7, peakMemoryBytes: 8 },
      },
    ]);
    expect(await chunks(key.taskId)).toEqual([[1, 0, Buffer.from('x'), [1], 1, 0]]);
    // Far off: whoever polls finds it in time.
    expect(await listening.heard()).toEqual([]);
  });

  test('that is due soon wakes coordinators, once for all', async () => {
    const seed = { retry: { max_attempts: 3, backoff: now } };
    const keys = [await seedRun(database.pool, seed), await seedRun(database.pool, seed)];
    expect(await finish(...keys.map((key) => report(key, exited(1))))).toHaveLength(2);
    expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);
    expect((await claim(database.pool)).attempt).toBe(2);
  });

  test('comes as often as the policy says, with jitter, and after that the failure is final', async () => {
    const backoff = { type: 'exponential', base_ms: 100_000 } as const;
    const { taskId } = await seedClaim(database.pool, { retry: { max_attempts: 3, backoff } });
    for (const [attempt, delayMs] of [
      [1, 50_000],
      [2, 100_000],
    ] as const) {
      const asOf = Date.now();
      expect(await finish(report({ taskId, attempt }, exited(1)))).toEqual([{ taskId, attempt, state: 'scheduled' }]);
      const { due_at } = await storedTask(database.pool, taskId);
      expect(Math.abs(due_at.getTime() - asOf - delayMs)).toBeLessThan(10_000);
      await claim(database.pool);
    }
    expect(await finish(report({ taskId, attempt: 3 }, exited(1)))).toMatchObject([{ state: 'failed' }]);
    expect(await storedTask(database.pool, taskId)).toMatchObject({ exit_code: 1, reason: 'exited', attempt: 3 });
    expect((await listAttempts(database.pool, taskId))?.map((a) => a.attempt)).toEqual([1, 2, 3]);
  });

  test('is not needed for what the policy calls a success', async () => {
    const key = await seedRun(database.pool, { retry: { max_attempts: 3, success_exit_codes: ['3-5'] } });
    expect(await finish(report(key, exited(4)))).toEqual([{ ...key, state: 'completed' }]);
    const zero = await seedRun(database.pool, { retry: { max_attempts: 1, success_exit_codes: [4] } });
    expect(await finish(report(zero, exited(0)))).toEqual([{ ...zero, state: 'failed' }]);
  });

  test('that does not fit into the total timeout ends the task now', async () => {
    const retry = { max_attempts: 3, backoff: minutes(10) };
    const key = await seedClaim(database.pool, { retry, totalTimeoutMs: 599_000 });
    expect(await finish(report(key, exited(9)))).toEqual([{ ...key, state: 'failed' }]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({
      ...{ reason: 'timed_out', error: 'no other attempt fits into its total timeout of 599000 ms' },
      ...{ failed_at: ANY_DATE, exit_code: null, picked_at: null },
    });
    // What the attempt itself did is not lost for it.
    expect(await listAttempts(database.pool, key.taskId)).toMatchObject([
      { attempt: 1, reason: 'exited', exitCode: 9 },
    ]);

    const roomy = await seedClaim(database.pool, { retry, totalTimeoutMs: 601_000 });
    expect(await finish(report(roomy, exited(9)))).toEqual([{ ...roomy, state: 'scheduled' }]);
    const row = await storedTask(database.pool, roomy.taskId);
    expect(row.give_up_at!.getTime() - row.first_started_at!.getTime()).toBe(601_000);
  });

  test('of what never started is bounded by the start deadline', async () => {
    const retry = { max_attempts: 3, backoff: minutes(10) };
    const spawnError = { reason: 'spawn_error', exitCode: null, signal: null, error: 'no such user' } as const;
    const seed = { retry, totalTimeoutMs: 1_000 };
    const late = await seedClaim(database.pool, { ...seed, giveUpInMs: 60_000 });
    const early = await seedClaim(database.pool, { ...seed, giveUpInMs: 3_600_000 });
    const never = { startedAgeUs: null };
    expect(await finish(report(late, spawnError, never), report(early, spawnError, never))).toEqual(
      expect.arrayContaining([
        { ...late, state: 'expired' },
        { ...early, state: 'scheduled' },
      ]),
    );
    expect(await storedTask(database.pool, late.taskId)).toMatchObject({
      expired_at: ANY_DATE,
      first_started_at: null,
    });
    expect(await listAttempts(database.pool, late.taskId)).toMatchObject([{ reason: 'spawn_error', startedAt: null }]);
  });

  test('is not made of what somebody asks to cancel while it is judged', async () => {
    const seed = { retry: { max_attempts: 3, backoff: now } };
    const [cancelled, retried] = [await seedRun(database.pool, seed), await seedRun(database.pool, seed)];
    const db = intercept(database.pool, ({ name }) =>
      name === 'retry-attempts' ? cancelTask(database.pool, cancelled.taskId) : null,
    );
    const reports = [cancelled, retried].map((key) => report(key, exited(1)));
    expect(await finishAttempts(db, COORDINATOR, reports)).toEqual([
      { ...retried, state: 'scheduled' },
      { ...cancelled, state: 'cancelled' },
    ]);
    expect(await storedTask(database.pool, cancelled.taskId)).toMatchObject({ exit_code: 1, reason: 'cancelled' });
  });
});

describe('an attempt that is handed back', () => {
  test('is lost, and the task goes back at once without using up a retry', async () => {
    const [started, unheard] = [
      await seedRun(database.pool),
      await seedClaim(database.pool, { totalTimeoutMs: 60_000 }),
    ];
    const usage = { cpuMs: 7, peakMemoryBytes: null };
    await listening.heard();
    expect(await finish(report(started, handedBack, { usage }), report(unheard, handedBack))).toHaveLength(2);
    expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);
    for (const { taskId } of [started, unheard]) {
      expect(await storedTask(database.pool, taskId)).toMatchObject({
        ...{ state: 'scheduled', lost_attempts: 1, retry_counts: [], worker_id: null, first_started_at: ANY_DATE },
      });
    }
    expect(await listAttempts(database.pool, started.taskId)).toMatchObject([
      { workerId: 'worker', reason: 'worker_lost', error: 'the worker had to leave', cpuMs: 7, startedAt: ANY_DATE },
    ]);
    expect((await storedTask(database.pool, unheard.taskId)).give_up_at).toEqual(ANY_DATE);
  });

  test('fails the task if that must not run again', async () => {
    const key = await seedClaim(database.pool, { retryLost: false, retry: { max_attempts: 9 } });
    const output = [
      { start: 0, data: Buffer.from('x'), segments: [1], stdoutEnd: 1, stderrEnd: 0, replacesFrom: null },
    ];
    expect(await finish(report(key, handedBack, { output }))).toEqual([{ ...key, state: 'failed' }]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({
      ...{ reason: 'worker_lost', error: 'the worker had to leave, and the task must not run again then' },
      ...{ worker_id: 'worker', started_at: ANY_DATE, failed_at: ANY_DATE },
    });
    expect(await chunks(key.taskId)).toHaveLength(1);
  });

  test('before it started runs again whatever the task says, does not count, and its number is spent', async () => {
    const key = await seedClaim(database.pool, { retryLost: false });
    const unstarted = report(key, handedBack, { startedAgeUs: null });
    await listening.heard();
    expect(await finish(unstarted)).toEqual([{ ...key, state: 'scheduled' }]);
    expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);
    expect(await storedTask(database.pool, key.taskId)).toMatchObject({
      ...{ attempt: key.attempt, lost_attempts: 0, first_started_at: null },
    });
    expect(await claim(database.pool)).toEqual({ taskId: key.taskId, attempt: key.attempt + 1 });
    expect(await finish(unstarted)).toEqual([]);
  });

  test('before it started does so whoever claimed it, and when a registration made it count as running', async () => {
    const claimed = await seedClaim(database.pool, { retryLost: false }, randomUUID());
    const running = await seedRun(database.pool, { retryLost: false });
    for (const key of [claimed, running]) {
      expect(await finish(report(key, handedBack, { startedAgeUs: null }))).toEqual([{ ...key, state: 'scheduled' }]);
      expect(await storedTask(database.pool, key.taskId)).toMatchObject({ lost_attempts: 0, worker_id: null });
    }
  });

  test('before it started leaves the start deadline and the total timeout as they were', async () => {
    const limits = { totalTimeoutMs: 60_000, giveUpInMs: 5_000 };
    const never = await seedRun(database.pool, limits);
    await finish(report(never, handedBack, { startedAgeUs: null }));
    const { first_started_at, give_up_at, start_deadline } = await storedTask(database.pool, never.taskId);
    expect({ first_started_at, give_up_at }).toEqual({ first_started_at: null, give_up_at: start_deadline });

    const before = await seedRun(database.pool, {
      ...limits,
      queue: 'other',
      retry: { max_attempts: 2, backoff: now },
    });
    await finish(report(before, exited(1)));
    const { first_started_at: first } = await storedTask(database.pool, before.taskId);
    const again = await start(database.pool, await claim(database.pool, 'other'));
    await finish(report(again, handedBack, { startedAgeUs: null }));
    const task = await storedTask(database.pool, before.taskId);
    expect(task).toMatchObject({ state: 'scheduled', attempt: 2, first_started_at: first });
    expect(task.give_up_at!.getTime()).toBe(first!.getTime() + 60_000);
  });

  test('before it started is cancelled if somebody asked for that', async () => {
    const key = await seedClaim(database.pool);
    await cancelTask(database.pool, key.taskId);
    expect(await finish(report(key, handedBack, { startedAgeUs: null }))).toEqual([{ ...key, state: 'cancelled' }]);
  });
});

describe('markStarted', () => {
  test('counts the total timeout from the first start, whatever the start deadline was', async () => {
    const key = await seedClaim(database.pool, { totalTimeoutMs: 60_000, giveUpInMs: 5_000 });
    const start = { ...key, workerId: 'worker' };
    expect(await markStarted(database.pool, COORDINATOR, [{ ...start, startedAgeUs: 1 }])).toEqual([key]);
    const first = await storedTask(database.pool, key.taskId);
    expect(first.give_up_at!.getTime()).toBe(first.first_started_at!.getTime() + 60_000);
    expect(first.first_started_at).toEqual(first.started_at);
    await markStarted(database.pool, COORDINATOR, [{ ...start, startedAgeUs: 1 }]);
    expect(await storedTask(database.pool, key.taskId)).toEqual(first);
    const elsewhere = { ...start, workerId: 'another', startedAgeUs: 1 };
    expect(await markStarted(database.pool, COORDINATOR, [elsewhere])).toEqual([]);

    const unbounded = await seedRun(database.pool, { giveUpInMs: 5_000 });
    expect(await storedTask(database.pool, unbounded.taskId)).toMatchObject({ give_up_at: null });
    const waiting = await seedTask(database.pool);
    expect(await markStarted(database.pool, COORDINATOR, [{ ...start, taskId: waiting, startedAgeUs: 1 }])).toEqual([]);
  });
});
