import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelClaims } from '../../src/db/cancel-claims.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { COORDINATOR, report, seedClaim, seedRun, start } from '../db/support/attempts.ts';
import { seedRow } from '../db/support/rows.ts';
import { storedTask } from '../support/tasks.ts';
import { problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

interface Shown {
  readonly state: string;
  readonly reason: string | null;
  readonly cancel_requested_at: string | null;
}

const db = () => server.database.pool;
const cancel = (id: string) => server.app.inject({ method: 'DELETE', url: `/schedule/${id}` });

/** Until somebody has asked to cancel it. */
async function untilRequested(id: string): Promise<void> {
  const requested = async () => {
    const { rows } = await db().query<{ asked: boolean }>(
      'SELECT cancel_requested_at IS NOT NULL AS asked FROM tasks WHERE id = $1',
      [id],
    );
    return rows[0]?.asked === true;
  };
  while (!(await requested()));
}

describe('DELETE /schedule/:task_id', () => {
  test('cancels a task that waits, once and for all', async () => {
    const id = await seedRow(db());
    const first = await cancel(id);
    expect(first.statusCode).toBe(200);
    expect(first.json()).toMatchObject({ id, state: 'cancelled', reason: 'cancelled' });
    const again = await cancel(id);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toEqual(first.json());
  });

  test('answers 200 when the owner of a claimed task ends it soon', async () => {
    const key = await seedClaim(db(), { queue: 'owned' });
    const answer = cancel(key.taskId);
    await untilRequested(key.taskId);
    expect(await cancelClaims(db(), COORDINATOR, [key])).toHaveLength(1);
    expect((await answer).statusCode).toBe(200);
    expect((await answer).json()).toMatchObject({ id: key.taskId, state: 'cancelled', reason: 'cancelled' });
  });

  test('answers 202 when the owner of a claimed task says nothing', async () => {
    const { taskId } = await seedClaim(db(), { queue: 'silent' });
    const began = performance.now();
    const response = await cancel(taskId);
    expect(response.statusCode).toBe(202);
    expect(response.json<Shown>()).toMatchObject({ state: 'picked', reason: null });
    expect(response.json<Shown>().cancel_requested_at).toMatch(/^\d{4}-.*Z$/);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
  });

  test('answers 202 as soon as a claimed task turns out to run', async () => {
    const key = await seedClaim(db(), { queue: 'starting' });
    const answer = cancel(key.taskId);
    await untilRequested(key.taskId);
    await start(db(), key);
    expect((await answer).statusCode).toBe(202);
    expect((await answer).json()).toMatchObject({ state: 'running' });
  });

  test('answers 202 for a task that runs, again and again, until it is cancelled', async () => {
    const key = await seedRun(db(), { queue: 'running' });
    const first = await cancel(key.taskId);
    expect(first.statusCode).toBe(202);
    const { cancel_requested_at: at, state } = first.json<Shown>();
    expect(state).toBe('running');
    expect(at).toMatch(/^\d{4}-.*Z$/);
    const again = await cancel(key.taskId);
    expect([again.statusCode, again.json()]).toEqual([202, first.json()]);
    // The command had ended by itself; it was to be cancelled all the same.
    await finishAttempts(db(), COORDINATOR, [report(key)]);
    const last = await cancel(key.taskId);
    expect(last.statusCode).toBe(200);
    expect(last.json()).toMatchObject({
      state: 'cancelled',
      reason: 'cancelled',
      exit_code: 0,
      cancel_requested_at: at,
    });
  });

  test.each(['completed', 'failed', 'expired'] as const)('comes too late for a %s task', async (state) => {
    const response = await cancel(await seedRow(db(), { state }));
    expect(problemOf(response)).toMatchObject({
      status: 409,
      code: 'conflict',
      detail: `the task is already ${state}`,
    });
  });

  test('and an end at the same time have one winner, the same in the answer and in the record', async () => {
    for (let i = 0; i < 40; i++) {
      const key = await seedRun(db(), { queue: `race-${i}` });
      // Which of the two is sent first alternates.
      const finish = () => finishAttempts(db(), COORDINATOR, [report(key)]);
      const [response] = await (i % 2 === 0
        ? Promise.all([cancel(key.taskId), finish()])
        : Promise.all([finish(), cancel(key.taskId)]).then(([, cancelled]) => [cancelled] as const));
      const { state } = await storedTask(db(), key.taskId);
      expect(state).toBe(response.statusCode === 409 ? 'completed' : 'cancelled');
    }
  });

  test('does not mind the lack of a body that was announced', async () => {
    const headers = { 'content-type': 'application/json' };
    const url = `/schedule/${await seedRow(db())}`;
    expect((await server.app.inject({ method: 'DELETE', url, headers })).statusCode).toBe(200);
  });
});
