import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listWorkers } from '../../src/db/list-workers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedRow, seedWorker } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

describe('listWorkers', () => {
  test('lists workers by id, with their state and what they run', async () => {
    expect(await listWorkers(database.pool)).toEqual([]);
    await seedWorker(database.pool, { id: 'c', leaseMs: -1, draining: true });
    await seedWorker(database.pool, { id: 'b', draining: true });
    await seedWorker(database.pool, { id: 'a', slots: 3, queues: ['x', 'y'], labels: { region: 'eu' } });
    for (const state of ['running', 'running', 'picked', 'completed'] as const) {
      await seedRow(database.pool, { state, workerId: 'a' });
    }

    const workers = await listWorkers(database.pool);
    expect(workers.map(({ id, state, running }) => ({ id, state, running }))).toEqual([
      { id: 'a', state: 'connected', running: 2 },
      { id: 'b', state: 'draining', running: 0 },
      { id: 'c', state: 'lost', running: 0 },
    ]);
    expect(workers[0]).toMatchObject({
      hostname: 'host',
      pid: 1,
      version: '0',
      slots: 3,
      queues: ['x', 'y'],
      labels: { region: 'eu' },
      leaseUntil: expect.any(Date) as Date,
    });
  });
});
