import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getTask } from '../../src/db/get-task.ts';
import { TASK_STATES } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
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
