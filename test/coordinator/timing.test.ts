import { describe, expect, test } from 'vitest';
import { runNow } from '../../src/db/run-now.ts';
import { storedTask } from '../support/tasks.ts';
import { watchEvents } from './support/debug-client.ts';
import { database, inMs, registered, startCoordinator, submitInput, until } from './support/fixture.ts';

/** How long after its deadline a task has expired. */
async function lateMs(id: string): Promise<number> {
  const { rows } = await database.pool.query<{ late_ms: number }>(
    'SELECT extract(epoch FROM expired_at - start_deadline)::float8 * 1000 AS late_ms FROM tasks WHERE id = $1',
    [id],
  );
  return rows[0]!.late_ms;
}

describe('a start deadline', () => {
  test('that passes while no slot is free ends the task at that time, and it is never sent', async () => {
    const coordinator = await startCoordinator({ HYDRA_POLL_MS: '10000' });
    const { events } = await watchEvents(coordinator);
    const busy = await registered(coordinator);
    const first = await submitInput({});
    const [running] = await busy.attempts(1);
    const id = await submitInput({ scheduled_at: inMs(300), start_deadline: inMs(900) });
    await until(id, { state: 'picked' });
    const ended = await until(id, { state: 'expired' });
    expect(ended).toMatchObject({ reason: null, started_at: null, worker_id: null });
    expect(await lateMs(id)).toBeGreaterThanOrEqual(0);
    // Polling alone would have taken up to ten seconds.
    expect(await lateMs(id)).toBeLessThan(3_000);
    busy.reportFinished(running!.ref);
    const next = await submitInput({});
    expect((await busy.attempts(1))[0]!.ref.taskId).toBe(next);
    const told = events.filter((event) => event.task_id === id && event.kind === 'TASK_ENDED');
    expect(told).toMatchObject([{ state: 'expired', reason: '' }]);
    expect(first).not.toBe(next);
  });

  test('that is near ends the task in time, long before the next poll', async () => {
    await startCoordinator({ HYDRA_POLL_MS: '10000' });
    for (let turn = 0; turn < 2; turn++) {
      const id = await submitInput({ start_deadline: inMs(400) });
      await until(id, { state: 'expired' });
      expect(await lateMs(id)).toBeLessThan(3_000);
    }
  });

  test('that passes while no worker is there ends the task', async () => {
    await startCoordinator({ HYDRA_POLL_MS: '200' });
    const [soon, later] = [
      await submitInput({ start_deadline: inMs(500) }),
      await submitInput({ start_deadline: inMs(900_000) }),
    ];
    await until(soon, { state: 'expired' });
    expect(await storedTask(database.pool, later)).toMatchObject({ state: 'scheduled' });
  });

  test('that has passed while everything was down ends the task, and it is not sent', async () => {
    const late = await submitInput({ scheduled_at: inMs(-60_000), start_deadline: inMs(-30_000) });
    const fresh = await submitInput({ start_deadline: inMs(60_000) });
    const scripted = await registered(await startCoordinator(), { slots: 5 });
    expect((await scripted.attempts(1))[0]!.ref.taskId).toBe(fresh);
    await until(late, { state: 'expired' });
    expect(scripted.pending('dispatch')).toEqual([]);
  });
});

describe('a total timeout', () => {
  test('is told in full with the first attempt, and what is left of it with the next', async () => {
    const scripted = await registered(await startCoordinator());
    const backoff = { type: 'fixed', delay_ms: 500 };
    const id = await submitInput({ total_timeout_ms: 30_000, max_attempts: 3, backoff });
    const [first] = await scripted.attempts(1);
    expect(first).toMatchObject({ totalTimeoutLeftMs: 30_000 });
    scripted.reportFinished(first!.ref, 1);
    const [second] = await scripted.attempts(1);
    expect(second!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(second!.totalTimeoutLeftMs).toBeLessThanOrEqual(29_500);
    expect(second!.totalTimeoutLeftMs).toBeGreaterThan(15_000);
  });

  test('that ends while the next attempt waits for a slot fails the task', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator, { slots: 2 });
    const id = await submitInput({
      total_timeout_ms: 1_500,
      max_attempts: 9,
      backoff: { type: 'fixed', delay_ms: 300 },
    });
    const [first] = await scripted.attempts(1);
    scripted.reportFinished(first!.ref, 1);
    await Promise.all([submitInput({}), submitInput({})]);
    await scripted.attempts(2);
    expect(await until(id, { state: 'failed' })).toMatchObject({
      reason: 'timed_out',
      attempt: expect.any(Number) as number,
    });
    expect(scripted.pending('dispatch')).toEqual([]);
  });
});

describe('an attempt', () => {
  test('says how late it is, and of what it is made', async () => {
    const secrets = { TOKEN: 's3cret' };
    const id = await submitInput({
      scheduled_at: inMs(-5_000),
      command: undefined,
      argv: ['env', ''],
      env: { A: 'b' },
      timeout_ms: 1_234,
      stop_signal: 'SIGINT',
      secret_env: secrets,
    });
    const scripted = await registered(await startCoordinator());
    const [attempt] = await scripted.attempts(1);
    expect(attempt!.run).toEqual({
      command: null,
      argv: ['env', ''],
      options: { env: { A: 'b' }, timeout_ms: 1_234, stop_signal: 'SIGINT' },
      secretEnv: secrets,
      hasStdin: false,
    });
    expect(attempt!.lateUs).toBeGreaterThanOrEqual(5_000_000);
    expect(attempt!.lateUs).toBeLessThan(60_000_000);
    const { scheduled_at: scheduledAt } = await storedTask(database.pool, id);
    expect(Math.floor(attempt!.scheduledAtUs / 1_000)).toBe(scheduledAt.getTime());
  });
});

describe('a task that is to run now', () => {
  test('is sent at once although it was claimed ahead of its time', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submitInput({ scheduled_at: inMs(25_000) });
    await until(id, { state: 'picked' });
    const began = performance.now();
    expect(await runNow(database.pool, id)).toMatchObject({ kind: 'hastened' });
    const [attempt] = await scripted.attempts(1);
    // Neither its time nor the next sweep was waited for.
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(attempt!.ref).toEqual({ taskId: id, attempt: 1 });
    const { scheduled_at: scheduledAt } = await storedTask(database.pool, id);
    expect(Math.floor(attempt!.scheduledAtUs / 1_000)).toBe(scheduledAt.getTime());
    expect(attempt!.lateUs).toBeLessThan(20_000_000);
  });

  test('is sent although the notification was lost', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submitInput({ scheduled_at: inMs(29_000) });
    await until(id, { state: 'picked' });
    await database.pool.query('UPDATE tasks SET scheduled_at = now(), due_at = now() WHERE id = $1', [id]);
    const began = performance.now();
    expect((await scripted.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 1 });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test('is claimed at once when it was not yet', async () => {
    const scripted = await registered(await startCoordinator({ HYDRA_POLL_MS: '10000' }));
    const id = await submitInput({ scheduled_at: inMs(3_600_000) });
    await runNow(database.pool, id);
    expect((await scripted.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 1 });
  });
});
