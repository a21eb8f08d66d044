import { describe, expect, test } from 'vitest';
import { listAttempts } from '../../src/db/list-attempts.ts';
import { retryTask } from '../../src/db/retry-task.ts';
import { storedTask } from '../support/tasks.ts';
import { watchEvents } from './support/debug-client.ts';
import { database, registered, startCoordinator, submitInput, until } from './support/fixture.ts';

async function isDueNow(id: string): Promise<boolean> {
  const { rows } = await database.pool.query<{ due: boolean }>(
    'SELECT due_at <= clock_timestamp() AS due FROM tasks WHERE id = $1',
    [id],
  );
  return rows[0]!.due;
}

describe('a failed attempt', () => {
  test('is followed by another one, after its backoff, on another worker', async () => {
    const coordinator = await startCoordinator();
    const { events } = await watchEvents(coordinator);
    const first = await registered(coordinator);
    const id = await submitInput({ max_attempts: 3, backoff: { type: 'fixed', delay_ms: 400 } });
    const [attempt] = await first.attempts(1);
    expect(attempt!.ref).toEqual({ taskId: id, attempt: 1 });
    const second = await registered(coordinator);
    // It takes nothing new, so that the other one has to.
    first.send({ kind: 'draining' });
    first.reportFinished(attempt!.ref, 3, 'it broke');
    expect(await first.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref], superseded: [] });
    expect(await isDueNow(id)).toBe(false);
    const [retry] = await second.attempts(1);
    expect(await isDueNow(id)).toBe(true);
    expect(retry!.ref).toEqual({ taskId: id, attempt: 2 });
    second.reportFinished(retry!.ref, 0);
    await second.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'completed', attempt: 2, lost_attempts: 0 });
    const attempts = await listAttempts(database.pool, id);
    expect(attempts).toMatchObject([
      { attempt: 1, workerId: first.registration.workerId, reason: 'exited', exitCode: 3, cpuMs: 5 },
      { attempt: 2, workerId: second.registration.workerId, reason: 'exited', exitCode: 0 },
    ]);
    const told = events.filter((event) => event.task_id === id).map(({ attempt: n, kind }) => `${kind} ${n}`);
    expect(told.filter((event) => /RETRYING|ENDED/.test(event))).toEqual(['TASK_RETRYING 1', 'TASK_ENDED 2']);
  });

  test('ends the task once there were enough of them, and the task can be run again', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submitInput({ max_attempts: 2, backoff: { type: 'fixed', delay_ms: 0 } });
    for (const attempt of [1, 2]) {
      const [sent] = await scripted.attempts(1);
      expect(sent!.ref).toEqual({ taskId: id, attempt });
      scripted.reportStarted(sent!.ref);
      scripted.reportFinished(sent!.ref, 9);
      await scripted.next('acknowledge');
    }
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'failed', exit_code: 9, attempt: 2 });
    expect(await retryTask(database.pool, id)).toMatchObject({ kind: 'scheduled' });
    expect((await scripted.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 3 });
    expect(await listAttempts(database.pool, id)).toHaveLength(3);
  });

  test('that is reported twice makes one retry', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submitInput({ max_attempts: 5, backoff: { type: 'fixed', delay_ms: 60_000 } });
    const [attempt] = await scripted.attempts(1);
    scripted.reportFinished(attempt!.ref, 1);
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref] });
    scripted.reportFinished(attempt!.ref, 1);
    expect(await scripted.next('acknowledge')).toMatchObject({ superseded: [attempt!.ref] });
    expect(await listAttempts(database.pool, id)).toHaveLength(1);
  });

  test('that succeeded with a code of its own is not', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submitInput({ max_attempts: 3, success_exit_codes: [0, '3-5'] });
    const [attempt] = await scripted.attempts(1);
    scripted.reportFinished(attempt!.ref, 4);
    await scripted.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'completed', exit_code: 4 });
  });
});

describe('an attempt that its worker hands back', () => {
  const HANDED_BACK = {
    reason: 'worker_lost',
    exitCode: null,
    signal: 'SIGKILL',
    error: 'the worker has to leave',
  } as const;

  test('runs elsewhere at once, and does not count as a failure', async () => {
    const coordinator = await startCoordinator();
    const { events } = await watchEvents(coordinator);
    const leaving = await registered(coordinator);
    const id = await submitInput({});
    const [attempt] = await leaving.attempts(1);
    leaving.send({ kind: 'draining' });
    leaving.reportEnd(attempt!.ref, HANDED_BACK);
    expect(await leaving.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref] });
    const heir = await registered(coordinator);
    expect((await heir.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 1, retry_counts: [] });
    expect(await listAttempts(database.pool, id)).toMatchObject([
      { attempt: 1, reason: 'worker_lost', error: 'the worker has to leave' },
      { attempt: 2, endedAt: null },
    ]);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'TASK_LOST', task_id: id, state: 'scheduled' }));
  });

  test('fails the task when it must not run again', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submitInput({ on_worker_lost: 'fail' });
    const [attempt] = await scripted.attempts(1);
    scripted.reportEnd(attempt!.ref, HANDED_BACK);
    await scripted.next('acknowledge');
    expect(await until(id, { state: 'failed' })).toMatchObject({ reason: 'worker_lost' });
  });
});
