import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { getTask } from '../../src/db/get-task.ts';
import { TASK_STATES } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask } from '../support/tasks.ts';
import { COORDINATOR, exited, report, seedClaim, seedRun } from './support/attempts.ts';
import { seedRow, seedWorker, type RowSeed } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.pool.query('TRUNCATE tasks, workers CASCADE'));

async function waitingFor(seed: RowSeed = {}): Promise<unknown> {
  const task = await getTask(database.pool, await seedRow(database.pool, seed));
  return task?.waitingFor;
}

const SOON = '9999-01-01';

describe('getTask', () => {
  test('knows no other tasks than there are', async () => {
    expect(await getTask(database.pool, randomUUID())).toBeNull();
  });

  test('returns the facts', async () => {
    const id = await seedRow(database.pool, { state: 'failed', labels: { region: 'eu' }, workerId: 'w' });
    expect(await getTask(database.pool, id.toUpperCase())).toMatchObject({
      id,
      state: 'failed',
      labels: { region: 'eu' },
      workerId: 'w',
      exitCode: 3,
      reason: 'exited',
      attempt: 1,
      completedAt: null,
      waitingFor: null,
    });
  });

  test('returns how it is to be run, and no secrets', async () => {
    const options = { env: { A: 'b' }, grace_ms: 5 };
    const retry = { max_attempts: 3, retry_on: [{ on: 'timeout' }] } as const;
    const id = await seedTask(database.pool, {
      ...{ argv: ['a', 'b'], options, retry, retryLost: false, totalTimeoutMs: 2 ** 40, giveUpInMs: 60_000 },
      ...{ secretEnv: { TOKEN: 'sesame', KEY: 'sesame' }, stdin: Buffer.from('in') },
    });
    await database.pool.query(`UPDATE tasks SET retry_counts = '{2,1}', cpu_ms = 5, peak_memory_bytes = 6`);
    const task = await getTask(database.pool, id);
    expect(task).toMatchObject({
      ...{ command: null, argv: ['a', 'b'], options, retry, retries: 2, onWorkerLost: 'fail', hasStdin: true },
      ...{ totalTimeoutMs: 2 ** 40, startDeadline: expect.any(Date) as Date, cancelRequestedAt: null },
      ...{ secretEnvNames: ['KEY', 'TOKEN'], cpuMs: 5, peakMemoryBytes: 6 },
    });
    expect(JSON.stringify(task)).not.toContain('sesame');

    const plain = await getTask(database.pool, await seedTask(database.pool, { command: 'true' }));
    expect(plain).toMatchObject({
      ...{ command: 'true', argv: null, options: {}, retry: null, retries: 0, onWorkerLost: 'retry', hasStdin: false },
      ...{ totalTimeoutMs: null, startDeadline: null, secretEnvNames: [], cpuMs: null, peakMemoryBytes: null },
    });
  });

  test('says that a task waits for the time of its retry', async () => {
    const retry = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: 60_000 } } as const;
    const key = await seedRun(database.pool, { retry, dueInMs: -60_000 });
    await finishAttempts(database.pool, COORDINATOR, [report(key, exited(1))]);
    expect(await getTask(database.pool, key.taskId)).toMatchObject({
      state: 'scheduled',
      waitingFor: 'time',
      retries: 1,
    });
  });

  test('says that a claimed task that is to be cancelled waits for nothing', async () => {
    const { taskId } = await seedClaim(database.pool);
    await cancelTask(database.pool, taskId);
    expect(await getTask(database.pool, taskId)).toMatchObject({ state: 'picked', waitingFor: null });
  });

  test.each(['scheduled', 'picked'] as const)('says what a %s task waits for', async (state) => {
    expect(await waitingFor({ state, scheduledAt: SOON })).toBe('time');
    expect(await waitingFor({ state })).toBe('worker');

    await seedWorker(database.pool, { id: 'lost', leaseMs: -1 });
    await seedWorker(database.pool, { id: 'draining', draining: true });
    await seedWorker(database.pool, { id: 'other queue', queues: ['gpu'] });
    await seedWorker(database.pool, { id: 'other label', labels: { region: 'us' } });
    expect(await waitingFor({ state, labels: { region: 'eu' } })).toBe('worker');

    await seedWorker(database.pool, { id: 'right', slots: 2, queues: ['default'], labels: { region: 'eu', a: 'b' } });
    await seedRow(database.pool, { state: 'running', workerId: 'right' });
    expect(await waitingFor({ state, labels: { region: 'eu' } })).toBeNull();

    await seedRow(database.pool, { state: 'running', workerId: 'right' });
    await seedRow(database.pool, { state: 'completed', workerId: 'right' });
    expect(await waitingFor({ state, labels: { region: 'eu' } })).toBe('slot');
  });

  test.each(TASK_STATES.filter((state) => state !== 'scheduled' && state !== 'picked'))(
    'says that a %s task waits for nothing',
    async (state) => {
      expect(await waitingFor({ state })).toBeNull();
    },
  );
});
