import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { CANCELLED_CHANNEL } from '../../src/db/channels.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
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

const CLAIM_SQL = /* sql */ `
  UPDATE tasks SET state = 'picked', attempt = attempt + 1, picked_at = now(), coordinator_id = gen_random_uuid()
  WHERE id = $1
`;
const START_SQL = /* sql */ `
  UPDATE tasks SET state = 'running', worker_id = 'w', started_at = now() WHERE id = $1
`;

/** Cancels while another transaction that runs `sql` on the task is open. */
async function cancelDuring(id: string, sql: string) {
  const other = await database.pool.connect();
  await other.query('BEGIN');
  await other.query(sql, [id]);
  const cancelling = cancelTask(database.pool, id);
  await untilBlocked(database.pool);
  await other.query('COMMIT');
  other.release();
  return cancelling;
}

describe('cancelTask', () => {
  test('ends a task that waits, and says nothing to anyone', async () => {
    const id = await seedRow(database.pool);
    const outcome = await cancelTask(database.pool, id);
    expect(outcome).toMatchObject({ kind: 'cancelled', task: { id, state: 'cancelled', reason: 'cancelled' } });
    expect(outcome).toHaveProperty('task.cancelledAt', expect.any(Date));
    expect(await listening.heard()).toEqual([]);
  });

  test('ends a claimed task at once, and tells its owner', async () => {
    const id = await seedRow(database.pool, { state: 'picked' });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'cancelled', task: { id, state: 'cancelled' } });
    expect(await listening.heard()).toEqual([{ channel: CANCELLED_CHANNEL, payload: id }]);
  });

  test('changes nothing the second time', async () => {
    const id = await seedRow(database.pool, { state: 'picked' });
    const first = await cancelTask(database.pool, id);
    await listening.heard();
    expect(await cancelTask(database.pool, id)).toEqual(first);
    expect(await listening.heard()).toEqual([]);
  });

  test.each(['running', 'completed', 'failed', 'expired'] as const)('comes too late for a %s one', async (state) => {
    const id = await seedRow(database.pool, { state });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'too_late', task: { id, state } });
    const { rows } = await database.pool.query('SELECT state, cancelled_at FROM tasks WHERE id = $1', [id]);
    expect(rows).toEqual([{ state, cancelled_at: null }]);
    expect(await listening.heard()).toEqual([]);
  });

  test('knows no other tasks than there are', async () => {
    expect(await cancelTask(database.pool, randomUUID())).toEqual({ kind: 'unknown' });
  });

  test('that meets a claim cancels what was claimed, and tells the owner', async () => {
    const id = await seedRow(database.pool);
    expect(await cancelDuring(id, CLAIM_SQL)).toMatchObject({ kind: 'cancelled', task: { attempt: 1 } });
    expect(await listening.heard()).toEqual([{ channel: CANCELLED_CHANNEL, payload: id }]);
  });

  test('that meets a start comes too late', async () => {
    const id = await seedRow(database.pool, { state: 'picked' });
    expect(await cancelDuring(id, START_SQL)).toMatchObject({ kind: 'too_late', task: { state: 'running' } });
    expect(await listening.heard()).toEqual([]);
  });
});
