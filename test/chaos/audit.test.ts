import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { installAudit, readHistory } from '../../chaos/audit.ts';
import type { Transition } from '../../chaos/events.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { inTransaction } from '../../src/db/in-transaction.ts';
import { releaseClaims } from '../../src/db/release-claims.ts';
import { retryTask } from '../../src/db/retry-task.ts';
import type { AttemptResult } from '../../src/domain/task-state.ts';
import { claim, COORDINATOR, exited, report, seedClaim, seedRun, start, WORKER } from '../db/support/attempts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask } from '../support/tasks.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await installAudit(database.pool);
});
afterEach(() => database.pool.query('TRUNCATE tasks, chaos_transitions CASCADE'));
afterAll(() => database.close());

const history = () => readHistory(database.pool);
const finish = (...reports: Parameters<typeof finishAttempts>[2]) =>
  finishAttempts(database.pool, COORDINATOR, reports);

/** Every change of state so far, as `attempt: from → to`. */
async function changes(): Promise<string[]> {
  const { transitions } = await history();
  return transitions.map(({ attempt, from, to }: Transition) => `${attempt}: ${from} → ${to}`);
}

const handedBack: AttemptResult = { reason: 'worker_lost', exitCode: null, signal: null, error: null };

test('has every change of state of a task in order, and every attempt that is past', async () => {
  const retry = { max_attempts: 2, backoff: { type: 'fixed', delay_ms: 0 } } as const;
  const first = await seedClaim(database.pool, { retry });
  await releaseClaims(database.pool, COORDINATOR, [first]);
  await start(database.pool, await claim(database.pool));
  await finish(report(first, exited(3)));
  const second = await start(database.pool, await claim(database.pool));
  await finish(report(second, handedBack));
  const third = await claim(database.pool);
  await finish(report(third, exited(0)));
  expect([first.attempt, second.attempt, third.attempt]).toEqual([1, 2, 3]);
  expect(await changes()).toEqual([
    '0: new → scheduled',
    '1: scheduled → picked',
    '0: picked → scheduled',
    '1: scheduled → picked',
    '1: picked → running',
    expect.stringMatching(/^1: (exited → archived|running → scheduled)$/),
    expect.stringMatching(/^1: (exited → archived|running → scheduled)$/),
    '2: scheduled → picked',
    '2: picked → running',
    expect.stringMatching(/^2: (worker_lost → archived|running → scheduled)$/),
    expect.stringMatching(/^2: (worker_lost → archived|running → scheduled)$/),
    '3: scheduled → picked',
    '3: picked → completed',
  ]);
  const { attempts, tasks, transitions } = await history();
  expect(tasks).toEqual([
    {
      ...{ id: first.taskId, key: null, state: 'completed', attempt: 3, lostAttempts: 1 },
      ...{ reason: 'exited', exitCode: 0, scheduledAtMs: expect.any(Number) as number, workerId: WORKER },
    },
  ]);
  expect(attempts).toEqual([
    { taskId: first.taskId, attempt: 1, reason: 'exited', exitCode: 3, workerId: WORKER },
    { taskId: first.taskId, attempt: 2, reason: 'worker_lost', exitCode: null, workerId: WORKER },
  ]);
  const times = transitions.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('knows exactly when a task was scheduled', async () => {
  const id = await seedTask(database.pool);
  await database.pool.query(
    `UPDATE tasks SET scheduled_at = '2031-02-03 04:05:06.789012+00', due_at = '2031-02-03 04:05:06.789012+00'`,
  );
  const { tasks } = await history();
  expect(tasks[0]).toMatchObject({ id, scheduledAtMs: Date.UTC(2031, 1, 3, 4, 5, 6) + 789.012 });
});

test('has nothing of what was rolled back, nor of what left the state as it was', async () => {
  const key = await seedRun(database.pool);
  const before = await changes();
  await start(database.pool, key);
  await cancelTask(database.pool, key.taskId);
  const failing = inTransaction(database.pool, async (client) => {
    await finishAttempts(client, COORDINATOR, [report(key)]);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await changes()).toEqual(before);
});

test('has every write to a task that has ended, whatever it says', async () => {
  const { taskId } = await seedRun(database.pool);
  await finish(report({ taskId, attempt: 1 }));
  const before = await changes();
  await database.pool.query('UPDATE tasks SET exit_code = exit_code WHERE id = $1', [taskId]);
  await retryTask(database.pool, taskId);
  expect((await changes()).slice(before.length).toSorted()).toEqual(
    ['1: completed → completed', '1: completed → scheduled', '1: exited → archived'].toSorted(),
  );
});

test('has every write to what is kept of an attempt', async () => {
  const { attempt, taskId } = await seedRun(database.pool);
  await finish(report({ taskId, attempt }, handedBack));
  await database.pool.query('UPDATE past_attempts SET error = NULL WHERE task_id = $1', [taskId]);
  expect((await changes()).filter((change) => change.endsWith('archived'))).toEqual([
    '1: worker_lost → archived',
    '1: worker_lost → archived',
  ]);
});
