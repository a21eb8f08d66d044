import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { COUNT_CAP, OVERDUE_CAP } from '../../src/db/count-tasks.ts';
import { readStats } from '../../src/db/read-stats.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedRow, seedWorker } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.pool.query('TRUNCATE tasks, workers CASCADE'));

async function seedMixture(): Promise<void> {
  const { pool } = database;
  await seedRow(pool, { scheduledAt: '9999-01-01' });
  await seedRow(pool, { scheduledAt: new Date(Date.now() - 90_000).toISOString() });
  await seedRow(pool, { queue: 'gpu', state: 'picked', scheduledAt: new Date(Date.now() - 3_600_000).toISOString() });
  // Scheduled in the past, but put off: not overdue.
  const retried = await seedRow(pool, { queue: 'gpu', scheduledAt: '2020-01-01' });
  await pool.query("UPDATE tasks SET due_at = now() + interval '1 hour' WHERE id = $1", [retried]);
  await seedRow(pool, { queue: 'gpu', state: 'running', scheduledAt: '2020-01-01' });
  for (const state of ['completed', 'completed', 'failed', 'cancelled', 'expired'] as const)
    await seedRow(pool, { state });
  await seedWorker(pool, { id: 'a', slots: 4 });
  await seedWorker(pool, { id: 'b', slots: 8, draining: true });
  await seedWorker(pool, { id: 'c', slots: 16, leaseMs: -1 });
}

const about = (ms: number) => expect.closeTo(ms / 60_000, 0) as number;
const minutes = (ms: number | null | undefined) => (ms ?? 0) / 60_000;

describe('readStats', () => {
  test('counts nothing where there is nothing', async () => {
    for (const exactRows of [1_000, -1]) {
      expect(await readStats(database.pool, exactRows)).toEqual({
        asOf: expect.any(Date) as Date,
        approximate: exactRows < 0,
        tasks: { scheduled: 0, picked: 0, running: 0, completed: 0, failed: 0, cancelled: 0, expired: 0 },
        overdue: 0,
        oldestOverdueMs: null,
        workers: { connected: 0, draining: 0, lost: 0 },
        slots: 0,
        queues: [],
      });
    }
  });

  test.each([
    ['by counting', 1_000],
    ['by estimating', -1],
  ])('says what waits, runs and has ended, %s', async (_, exactRows) => {
    await seedMixture();
    await database.pool.query('ANALYZE tasks');
    const stats = await readStats(database.pool, exactRows);
    expect(stats).toMatchObject({
      approximate: exactRows < 0,
      overdue: 2,
      workers: { connected: 1, draining: 1, lost: 1 },
      slots: 4,
    });
    // PostgreSQL keeps no share of a state that only one row is in, so the estimate of those is 0.
    const ended = exactRows < 0 ? { completed: 2 } : { completed: 2, failed: 1, cancelled: 1, expired: 1 };
    expect(stats.tasks).toMatchObject({ scheduled: 3, picked: 1, running: 1, ...ended });
    expect(minutes(stats.oldestOverdueMs)).toEqual(about(3_600_000));
    expect(stats.queues.map(({ oldestOverdueMs, ...queue }) => ({ ...queue, age: minutes(oldestOverdueMs) }))).toEqual([
      { queue: 'default', scheduled: 2, picked: 0, running: 0, overdue: 1, age: about(90_000) },
      { queue: 'gpu', scheduled: 1, picked: 1, running: 1, overdue: 1, age: about(3_600_000) },
    ]);
  });

  test('stops counting at the caps in a large table, and estimates the rest', async () => {
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now() - n * interval '1 ms', now() - n * interval '1 ms'
      FROM generate_series(1, 30000) n`);
    await database.pool.query('ANALYZE tasks');
    const stats = await readStats(database.pool, 20_000);
    expect(stats.approximate).toBe(true);
    expect(stats.queues).toMatchObject([{ queue: 'q', scheduled: COUNT_CAP, overdue: OVERDUE_CAP }]);
    expect(Math.abs(stats.tasks.scheduled - 30_000)).toBeLessThan(3_000);
    expect(minutes(stats.oldestOverdueMs)).toEqual(about(30_000));
  });
});
