import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { claim, COORDINATOR, exited, report, seedClaim, seedRun, start } from '../db/support/attempts.ts';
import { seedRow } from '../db/support/rows.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

const db = () => server.database.pool;
const post = (id: string, action: 'retry' | 'run-now') =>
  server.app.inject({ method: 'POST', url: `/schedule/${id}/${action}` });

interface Shown {
  readonly due_at: string;
  readonly scheduled_at: string;
}

const instant = expect.stringMatching(/^\d{4}-.*Z$/) as string;

describe('POST /schedule/:task_id/retry', () => {
  test.each(['completed', 'failed', 'cancelled', 'expired'] as const)('makes a %s task due again', async (state) => {
    const id = await seedRow(db(), { state, scheduledAt: '2020-01-01' });
    const response = await post(id, 'retry');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      id,
      state: 'scheduled',
      scheduled_at: '2020-01-01T00:00:00.000Z',
      reason: null,
      exit_code: null,
      worker_id: null,
      completed_at: null,
      failed_at: null,
      cancelled_at: null,
      expired_at: null,
      retries: 0,
    });
    expect(Date.parse(response.json<Shown>().due_at)).toBeGreaterThan(Date.parse('2026-01-01'));
  });

  test.each(['scheduled', 'picked', 'running'] as const)('is not possible while a task is %s', async (state) => {
    const response = await post(await seedRow(db(), { state }), 'retry');
    expect(problemOf(response)).toMatchObject({
      status: 409,
      code: 'conflict',
      detail: `the task is ${state}; only one that has ended can be run again`,
    });
  });
});

describe('POST /schedule/:task_id/run-now', () => {
  test('makes a task due that waits for its time', async () => {
    const id = await seedRow(db(), { scheduledAt: '2040-01-01' });
    const response = await post(id, 'run-now');
    expect(response.statusCode).toBe(200);
    const { due_at: due, scheduled_at: scheduled } = response.json<Shown>();
    expect(due).toBe(scheduled);
    // The test and PostgreSQL share a clock.
    expect(Date.parse(due)).toBeLessThanOrEqual(Date.now());
    expect((await post(id, 'run-now')).json()).toEqual(response.json());
  });

  test('makes a claimed task due that waits for its time', async () => {
    const { taskId } = await seedClaim(db(), { queue: 'ahead', dueInMs: 3_600_000 });
    const response = await post(taskId, 'run-now');
    expect(response.json()).toMatchObject({ state: 'picked' });
    expect(Date.parse(response.json<Shown>().due_at)).toBeLessThanOrEqual(Date.now());
  });

  test('comes too late for a task that runs, has ended, or is being cancelled', async () => {
    const running = await seedRun(db(), { queue: 'running' });
    expect(problemOf(await post(running.taskId, 'run-now'))).toMatchObject({
      status: 409,
      detail: 'the task is already running',
    });
    const ended = await seedRow(db(), { state: 'failed' });
    expect(problemOf(await post(ended, 'run-now'))).toMatchObject({
      status: 409,
      detail: `the task is already failed; POST /schedule/${ended}/retry runs it again`,
    });
    const { taskId } = await seedClaim(db(), { queue: 'cancelling', dueInMs: 3_600_000 });
    await cancelTask(db(), taskId);
    expect(problemOf(await post(taskId, 'run-now'))).toMatchObject({
      status: 409,
      detail: 'the task is being cancelled',
    });
  });
});

describe.each(['retry', 'run-now'] as const)('POST /schedule/:task_id/%s', (action) => {
  const state = action === 'retry' ? 'failed' : 'scheduled';

  test.each<[string, Record<string, string>, string | undefined]>([
    ['no body', {}, undefined],
    ['no body, which was announced', { 'content-type': 'application/json' }, undefined],
    ['an empty body', { 'content-type': 'application/json' }, ''],
    ['an empty object', { 'content-type': 'application/json' }, '{}'],
  ])('takes %s', async (_, headers, payload) => {
    const url = `/schedule/${await seedRow(db(), { state })}/${action}`;
    const request = { method: 'POST', url, headers, ...(payload !== undefined && { payload }) } as const;
    expect((await server.app.inject(request)).statusCode).toBe(200);
  });

  test('refuses a body that it would ignore', async () => {
    const url = `/schedule/${await seedRow(db(), { state })}/${action}`;
    const response = await server.app.inject({ method: 'POST', url, payload: { scheduled_at: '2030-01-01' } });
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response)).toEqual({ scheduled_at: 'is not known here; remove it' });
    expect((await server.app.inject({ method: 'POST', url, payload: [] })).statusCode).toBe(400);
  });
});

describe('GET /schedule/:task_id/attempts', () => {
  const attempts = (id: string) => server.app.inject({ url: `/schedule/${id}/attempts` });

  test('lists none before the first', async () => {
    const id = await seedRow(db());
    expect((await attempts(id.toUpperCase())).json()).toEqual({ task_id: id, attempts: [] });
  });

  test('lists all, in order, the one under way included', async () => {
    const first = await seedRun(db(), { queue: 'again' });
    const usage = { cpuMs: 12, peakMemoryBytes: 3_456_789 };
    await finishAttempts(db(), COORDINATOR, [
      report(first, exited(3), { usage, startedAgeUs: 250_000, endedAgeUs: 1 }),
    ]);
    expect((await post(first.taskId, 'retry')).statusCode).toBe(200);
    const second = await start(db(), await claim(db(), 'again'));
    expect(second).toEqual({ taskId: first.taskId, attempt: 2 });

    const response = await attempts(first.taskId);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      task_id: first.taskId,
      attempts: [
        {
          attempt: 1,
          worker_id: 'worker',
          picked_at: instant,
          started_at: instant,
          ended_at: instant,
          exit_code: 3,
          signal: null,
          reason: 'exited',
          error: null,
          duration_ms: expect.any(Number) as number,
          cpu_ms: 12,
          peak_memory_bytes: 3_456_789,
        },
        {
          attempt: 2,
          worker_id: 'worker',
          picked_at: instant,
          started_at: instant,
          ended_at: null,
          exit_code: null,
          signal: null,
          reason: null,
          error: null,
          duration_ms: null,
          cpu_ms: null,
          peak_memory_bytes: null,
        },
      ],
    });
  });
});
