import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { DUE_CHANNEL, HASTENED_CHANNEL } from '../../src/db/channels.ts';
import { listOwnClaims } from '../../src/db/list-own-claims.ts';
import { runNow } from '../../src/db/run-now.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { COORDINATOR, seedClaim } from './support/attempts.ts';
import { Listening } from './support/listening.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
let listening: Listening;
beforeAll(async () => {
  database = await createTestDatabase();
  listening = await Listening.on(database.url, DUE_CHANNEL, HASTENED_CHANNEL);
});
afterEach(async () => {
  await database.pool.query('DELETE FROM tasks');
  await listening.heard();
});
afterAll(async () => {
  await listening.stop();
  await database.close();
});

const HOUR_MS = 3_600_000;

describe('runNow', () => {
  test('makes a waiting task due, and wakes coordinators', async () => {
    const id = await seedTask(database.pool, { dueInMs: HOUR_MS });
    expect(await runNow(database.pool, id)).toMatchObject({ kind: 'hastened', task: { id, state: 'scheduled' } });
    const { due_at, scheduled_at } = await storedTask(database.pool, id);
    expect(Math.abs(due_at.getTime() - Date.now())).toBeLessThan(10_000);
    expect(scheduled_at).toEqual(due_at);
    expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);
  });

  test('leaves when it was scheduled, if only its retry is put off', async () => {
    const id = await seedTask(database.pool, { dueInMs: -HOUR_MS });
    const { scheduled_at } = await storedTask(database.pool, id);
    await database.pool.query(`UPDATE tasks SET due_at = now() + interval '1 h'`);
    expect(await runNow(database.pool, id)).toMatchObject({ kind: 'hastened', task: { scheduledAt: scheduled_at } });
    expect((await storedTask(database.pool, id)).due_at.getTime()).toBeLessThan(Date.now() + 10_000);
  });

  test('tells the owner of a claimed task, which also sees it among its claims', async () => {
    const { taskId } = await seedClaim(database.pool, { dueInMs: HOUR_MS });
    expect(await runNow(database.pool, taskId)).toMatchObject({ kind: 'hastened', task: { state: 'picked' } });
    expect(await listening.heard()).toEqual([{ channel: HASTENED_CHANNEL, payload: taskId }]);
    const [own] = await listOwnClaims(database.pool, COORDINATOR);
    expect(Math.abs(own!.dueAtMs - Date.now())).toBeLessThan(10_000);
  });

  test('does not put off what is due', async () => {
    const { taskId } = await seedClaim(database.pool, { dueInMs: -HOUR_MS });
    const before = await storedTask(database.pool, taskId);
    expect(await runNow(database.pool, taskId)).toMatchObject({ kind: 'hastened' });
    expect(await storedTask(database.pool, taskId)).toEqual(before);
  });

  test.each(['running', 'completed', 'failed', 'cancelled', 'expired'] as const)(
    'comes too late for a %s one',
    async (state) => {
      const id = await seedRow(database.pool, { state, scheduledAt: '9999-01-01' });
      const before = await storedTask(database.pool, id);
      expect(await runNow(database.pool, id)).toMatchObject({ kind: 'too_late', task: { id, state } });
      expect(await storedTask(database.pool, id)).toEqual(before);
      expect(await listening.heard()).toEqual([]);
    },
  );

  test('comes too late for one that is to be cancelled', async () => {
    const { taskId } = await seedClaim(database.pool, { dueInMs: HOUR_MS });
    await cancelTask(database.pool, taskId);
    expect(await runNow(database.pool, taskId)).toMatchObject({ kind: 'too_late', task: { state: 'picked' } });
  });

  test('knows no other tasks than there are', async () => {
    expect(await runNow(database.pool, randomUUID())).toEqual({ kind: 'unknown' });
  });
});
