import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cancelClaims } from '../../src/db/cancel-claims.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { giveUpClaims } from '../../src/db/give-up-claims.ts';
import { listCancelRequests } from '../../src/db/list-cancel-requests.ts';
import { releaseClaims } from '../../src/db/release-claims.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storedTask } from '../support/tasks.ts';
import { COORDINATOR, seedClaim, seedRun } from './support/attempts.ts';
import { explain } from './support/explain.ts';
import { intercept, type Statement } from './support/intercept.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('DELETE FROM tasks'));
afterAll(() => database.close());

describe('requests to cancel', () => {
  test('are those of what a coordinator owns, until it has ended', async () => {
    const [picked, running] = [await seedClaim(database.pool), await seedRun(database.pool)];
    const elsewhere = await seedClaim(database.pool, {}, randomUUID());
    await seedClaim(database.pool);
    for (const { taskId } of [picked, running, elsewhere]) await cancelTask(database.pool, taskId);
    const requests = await listCancelRequests(database.pool, COORDINATOR);
    expect(new Set(requests)).toEqual(
      new Set([
        { ...picked, state: 'picked' },
        { ...running, state: 'running' },
      ]),
    );
    await cancelClaims(database.pool, COORDINATOR, [picked]);
    expect(await listCancelRequests(database.pool, COORDINATOR)).toEqual([{ ...running, state: 'running' }]);
  });
});

describe('looking for requests', () => {
  test('costs what there is of them, whatever else is owned', async () => {
    await database.pool.query(
      /* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at, state, attempt, picked_at, coordinator_id,
        cancel_requested_at)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now(), now(), 'picked', 1, now(), $1,
        CASE WHEN i % 2000 = 0 THEN now() END
      FROM generate_series(1, 20000) i`,
      [COORDINATOR],
    );
    await database.pool.query('VACUUM ANALYZE tasks');
    let asked: Statement | undefined;
    const db = intercept(database.pool, (statement) => {
      asked = statement;
    });
    expect(await listCancelRequests(db, COORDINATOR)).toHaveLength(10);
    const cost = await explain(database.pool, asked!);
    expect(cost).toMatchObject({ scanned: [] });
    expect(cost.blocks).toBeLessThan(30);
  });
});

describe('cancelClaims', () => {
  test('ends claims that are to be cancelled, and nothing else', async () => {
    const [wanted, unasked, running, stale] = [
      await seedClaim(database.pool),
      await seedClaim(database.pool),
      await seedRun(database.pool),
      await seedClaim(database.pool),
    ];
    const elsewhere = await seedClaim(database.pool, {}, randomUUID());
    for (const { taskId } of [wanted, running, stale, elsewhere]) await cancelTask(database.pool, taskId);
    const keys = [wanted, unasked, running, { ...stale, attempt: 2 }, elsewhere];
    expect(await cancelClaims(database.pool, COORDINATOR, keys)).toEqual([wanted]);
    expect(await storedTask(database.pool, wanted.taskId)).toMatchObject({
      state: 'cancelled',
      reason: 'cancelled',
      cancelled_at: expect.any(Date) as Date,
      coordinator_id: null,
      picked_at: null,
    });
    expect(await storedTask(database.pool, running.taskId)).toMatchObject({ state: 'running' });
  });

  test.each([
    ['released', releaseClaims],
    ['given up', giveUpClaims],
  ])('is not needed for what is %s', async (_, letGo) => {
    const [wanted, unasked] = [await seedClaim(database.pool), await seedClaim(database.pool)];
    await cancelTask(database.pool, wanted.taskId);
    await letGo(database.pool, COORDINATOR, [wanted, unasked]);
    expect(await storedTask(database.pool, wanted.taskId)).toMatchObject({ state: 'cancelled', attempt: 1 });
    expect(await storedTask(database.pool, unasked.taskId)).toMatchObject({ state: 'scheduled' });
  });
});
