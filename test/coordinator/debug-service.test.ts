import { randomUUID } from 'node:crypto';
import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { DebugClient } from '../../src/rpc/generated/hydra/v1/Debug.ts';
import type { ListAttemptsResponse__Output } from '../../src/rpc/generated/hydra/v1/ListAttemptsResponse.ts';
import type { ListInHandResponse__Output } from '../../src/rpc/generated/hydra/v1/ListInHandResponse.ts';
import type { SubmitTaskRequest } from '../../src/rpc/generated/hydra/v1/SubmitTaskRequest.ts';
import type { Task__Output } from '../../src/rpc/generated/hydra/v1/Task.ts';
import { storedTask } from '../support/tasks.ts';
import { answered, debugClient, watchEvents } from './support/debug-client.ts';
import { database, registered, startCoordinator, submitInput, until } from './support/fixture.ts';

async function debugging() {
  const coordinator = await startCoordinator();
  return { coordinator, client: debugClient(coordinator) };
}

const submitting = (client: DebugClient, request: SubmitTaskRequest) =>
  answered<{ task_id: string }>((done) => client.SubmitTask(request, done));

describe('SubmitTask', () => {
  test('takes in JSON whatever else POST /schedule takes', async () => {
    const { client } = await debugging();
    const options = {
      argv: ['echo', 'hi'],
      timeout_ms: 5_000,
      max_attempts: 3,
      start_deadline: '2100-01-01T00:00:00Z',
    };
    const { task_id: id } = await submitting(client, { queue: 'q', options_json: JSON.stringify(options) });
    const task = await answered((done) => client.GetTask({ task_id: id }, done));
    expect(task).toMatchObject({
      id,
      command: '',
      argv: ['echo', 'hi'],
      queue: 'q',
      retries: 0,
      start_deadline: '2100-01-01T00:00:00.000Z',
      cancel_requested_at: '',
    });
    expect(await storedTask(database.pool, id)).toMatchObject({
      options: { timeout_ms: 5_000 },
      retry: { max_attempts: 3 },
    });
  });

  test.each<[SubmitTaskRequest, RegExp]>([
    [{ command: 'true', options_json: '{' }, /^options_json: is not JSON/],
    [{ command: 'true', options_json: '{"labels": {}}' }, /^options_json\.labels: is not taken here/],
    [{ command: 'true', options_json: '{"timeout_ms": -1}' }, /timeout_ms/],
    [{ command: 'true', options_json: '{"nonsense": 1}' }, /nonsense/],
    [{ command: 'true', options_json: '{"argv": ["true"]}' }, /argv/],
    [{}, /command/],
  ])('refuses %j', async (request, details) => {
    const { client } = await debugging();
    await expect(submitting(client, request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(details) as string,
    });
  });
});

describe('CancelTask', () => {
  test('answers for a task that runs, and says when it was asked for', async () => {
    const { client, coordinator } = await debugging();
    const { events } = await watchEvents(coordinator);
    const scripted = await registered(coordinator);
    const id = await submitInput({});
    const [attempt] = await scripted.attempts(1);
    scripted.reportStarted(attempt!.ref);
    await until(id, { state: 'running' });
    const cancelled = await answered<Task__Output>((done) => client.CancelTask({ task_id: id }, done));
    expect(cancelled.state).toBe('running');
    expect(cancelled.cancel_requested_at).not.toBe('');
    await scripted.next('cancel');
    const { in_hand: inHand } = await answered<ListInHandResponse__Output>((done) => client.ListInHand({}, done));
    expect(inHand).toMatchObject([{ task_id: id, stage: 'started', cancelling: true }]);
    scripted.reportEnd(attempt!.ref, { reason: 'cancelled', exitCode: null, signal: 'SIGTERM' });
    await scripted.next('acknowledge');
    expect(await answered((done) => client.CancelTask({ task_id: id }, done))).toMatchObject({
      state: 'cancelled',
      reason: 'cancelled',
      signal: 'SIGTERM',
      cpu_ms: 5,
      peak_memory_bytes: 1_000_000,
    });
    const kinds = events.filter((event) => event.task_id === id).map(({ kind }) => kind);
    expect(kinds.slice(-2)).toEqual(['TASK_CANCELLING', 'TASK_ENDED']);
  });

  test('says so when it is too late', async () => {
    const { client, coordinator } = await debugging();
    const scripted = await registered(coordinator);
    const id = await submitInput({});
    const [attempt] = await scripted.attempts(1);
    scripted.reportFinished(attempt!.ref);
    await scripted.next('acknowledge');
    await expect(answered((done) => client.CancelTask({ task_id: id }, done))).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: `task ${id} is completed; it has ended and cannot be cancelled`,
    });
  });
});

describe('RetryTask, RunTaskNow and ListAttempts', () => {
  test('bring a task forward, run it again, and show what became of it', async () => {
    const { client, coordinator } = await debugging();
    const scripted = await registered(coordinator);
    const id = await submitInput({ scheduled_at: '2100-01-01T00:00:00Z' });
    const about = { task_id: id };
    await expect(answered((done) => client.RetryTask(about, done))).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: `task ${id} is scheduled; only a task that has ended can be run again`,
    });
    expect(await answered((done) => client.ListAttempts(about, done))).toEqual({ attempts: [] });
    await answered((done) => client.RunTaskNow(about, done));
    const [first] = await scripted.attempts(1);
    scripted.reportFinished(first!.ref, 3);
    await scripted.next('acknowledge');
    await expect(answered((done) => client.RunTaskNow(about, done))).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: `task ${id} is failed; only a task that waits for its time can be run now`,
    });
    expect(await answered((done) => client.RetryTask(about, done))).toMatchObject({ state: 'scheduled', reason: '' });
    const [second] = await scripted.attempts(1);
    scripted.reportStarted(second!.ref);
    await until(id, { state: 'running' });
    const { attempts } = await answered<ListAttemptsResponse__Output>((done) => client.ListAttempts(about, done));
    expect(attempts).toMatchObject([
      { attempt: 1, worker_id: scripted.registration.workerId, exit_code: 3, reason: 'exited', cpu_ms: 5 },
      { attempt: 2, worker_id: scripted.registration.workerId, ended_at: '', reason: '' },
    ]);
    expect(attempts[1]).not.toHaveProperty('exit_code');
  });

  type Call = (client: DebugClient, about: { task_id: string }, done: (error: ServiceError | null) => void) => unknown;
  test.each<[string, Call]>([
    ['GetTask', (client, about, done) => client.GetTask(about, done)],
    ['CancelTask', (client, about, done) => client.CancelTask(about, done)],
    ['RetryTask', (client, about, done) => client.RetryTask(about, done)],
    ['RunTaskNow', (client, about, done) => client.RunTaskNow(about, done)],
    ['ListAttempts', (client, about, done) => client.ListAttempts(about, done)],
  ])('%s says when there is no such task, or could be none', async (_, call) => {
    const { client } = await debugging();
    const id = randomUUID();
    const asked = (taskId: string) => answered((done) => call(client, { task_id: taskId }, done));
    await expect(asked(id)).rejects.toMatchObject({ code: status.NOT_FOUND, details: `there is no task ${id}` });
    await expect(asked('x')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe('DrainWorker', () => {
  test('takes the time that what runs may take', async () => {
    const { client, coordinator } = await debugging();
    const scripted = await registered(coordinator);
    const { workerId } = scripted.registration;
    const request = { worker_id: workerId, timeout_ms: 5_000 };
    expect(await answered((done) => client.DrainWorker(request, done))).toMatchObject({ draining: true });
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: 5_000 });
    await expect(
      answered((done) => client.DrainWorker({ worker_id: workerId, timeout_ms: 1e15 }, done)),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(answered((done) => client.DrainWorker({ worker_id: 'nobody' }, done))).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});
