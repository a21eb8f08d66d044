import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOptionFields } from '../../src/domain/run-options-input.ts';
import { seedRow } from '../db/support/rows.ts';
import { validInput } from '../domain/support/inputs.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

const seed: typeof seedRow extends (db: never, ...rest: infer R) => infer T ? (...rest: R) => T : never = (...rest) =>
  seedRow(server.database.pool, ...rest);

describe('GET /schedule/:task_id', () => {
  test('tells everything about a task', async () => {
    const id = await seed({
      state: 'failed',
      queue: 'gpu',
      labels: { region: 'eu' },
      workerId: 'w',
      scheduledAt: '2026-01-31T09:00:00.123456Z',
    });
    const response = await server.app.inject({ url: `/schedule/${id}` });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      id,
      command: 'true',
      argv: null,
      scheduled_at: '2026-01-31T09:00:00.123Z',
      picked_at: '2026-01-31T09:00:00.123Z',
      started_at: '2026-01-31T09:00:00.123Z',
      completed_at: null,
      failed_at: '2026-01-31T09:00:01.623Z',
      state: 'failed',
      queue: 'gpu',
      priority: 0,
      labels: { region: 'eu' },
      attempt: 1,
      retries: 0,
      lost_attempts: 0,
      due_at: '2026-01-31T09:00:00.123Z',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      cancelled_at: null,
      cancel_requested_at: null,
      expired_at: null,
      start_deadline: null,
      total_timeout_ms: null,
      on_worker_lost: 'retry',
      has_stdin: false,
      worker_id: 'w',
      exit_code: 3,
      signal: null,
      reason: 'exited',
      error: null,
      idempotency_key: null,
      duration_ms: 1500,
      cpu_ms: null,
      peak_memory_bytes: null,
      max_attempts: 1,
      secret_env: [],
      waiting_for: null,
    });
  });

  test('shows each option as it was given, and no other', async () => {
    const options = {
      shell: '/bin/bash',
      env: { STAGE: 'test "✓"', EMPTY: '' },
      cwd: '/var/tmp',
      umask: '027',
      user: 'nobody',
      timeout_ms: 31_536_000_000,
      warn_signal: 'SIGUSR1',
      warn_before_ms: 10_000,
      stop_signal: 'SIGINT',
      grace_ms: 0,
      background: 'allow',
      merge_stderr: false,
      output_limit_bytes: 0,
      on_output_limit: 'kill',
      limits: { memory_bytes: 2 ** 50, open_files: 10 },
      nice: -20,
      max_attempts: 3,
      backoff: { type: 'exponential', base_ms: 500, factor: 1.5, max_ms: 1_000, jitter: 'none' },
      retry_on: [
        { on: 'exit_code', codes: [75, '64-70'], max_retries: 0 },
        { on: 'signal', signals: ['SIGKILL'] },
      ],
      success_exit_codes: [0, '3-5'],
      start_deadline: '2030-01-31T09:00:00.000Z',
      total_timeout_ms: 31_536_000_000,
      on_worker_lost: 'fail',
    };
    const payload = { command: 'true', ...options, stdin_base64: 'AAEC', secret_env: { B: 'x', A: 'y' } };
    const submitted = await server.app.inject({ method: 'POST', url: '/schedule', payload });
    expect(submitted.statusCode).toBe(201);
    const shown = (await server.app.inject({ url: String(submitted.headers.location) })).json<object>();
    expect(shown).toMatchObject({ ...options, command: 'true', argv: null, has_stdin: true, secret_env: ['A', 'B'] });
    expect(shown).not.toHaveProperty('stdin_base64');

    const argv = { argv: ['printf', '%s', ''], success_exit_codes: [1] };
    const other = await server.app.inject({ method: 'POST', url: '/schedule', payload: argv });
    const plain = (await server.app.inject({ url: String(other.headers.location) })).json<object>();
    expect(plain).toMatchObject({ ...argv, command: null, max_attempts: 1 });
    const optional = Object.keys(options).filter((name) => name in plain);
    expect(optional).toEqual([
      'max_attempts',
      'success_exit_codes',
      'start_deadline',
      'total_timeout_ms',
      'on_worker_lost',
    ]);
    const { tasks } = (await server.app.inject({ url: '/schedule?limit=1000' })).json<{ tasks: object[] }>();
    for (const task of tasks) expect(task).not.toHaveProperty('env');
  });

  test('gives what can be submitted again', async () => {
    await fc.assert(
      fc.asyncProperty(validInput, async (input) => {
        const submitted = await server.app.inject({ method: 'POST', url: '/schedule', payload: input });
        const { task_id: id } = submitted.json<{ task_id: string }>();
        const shown = (await server.app.inject({ url: `/schedule/${id}` })).json<Record<string, unknown>>();
        const names = Object.keys(runOptionFields).filter((name) => name in shown);
        expect(names.sort()).toEqual(
          Object.keys(runOptionFields)
            .filter((name) => name in input)
            .sort(),
        );
        for (const name of names) expect(shown[name]).toEqual(input[name]);
      }),
      { numRuns: 50 },
    );
  });

  test('says what a task waits for', async () => {
    const later = await seed({ scheduledAt: '9999-01-01' });
    expect((await server.app.inject({ url: `/schedule/${later}` })).json()).toMatchObject({ waiting_for: 'time' });
    const now = await seed();
    expect((await server.app.inject({ url: `/schedule/${now}` })).json()).toMatchObject({
      waiting_for: 'worker',
      duration_ms: null,
    });
  });
});

/** Routes of one task: method, and what follows its id. */
const ROUTES = [
  ['GET', ''],
  ['DELETE', ''],
  ['GET', '/attempts'],
  ['GET', '/output'],
  ['POST', '/retry'],
  ['POST', '/run-now'],
] as const;

describe.each(ROUTES)('%s /schedule/:task_id%s', (method, action) => {
  test.each([
    '',
    '1',
    'abc',
    'a%00b',
    '%F0%9F%98%80',
    'x'.repeat(5_000),
    `${randomUUID()}x`,
    "';--",
    'cancel',
    'batch',
  ])('names task_id when it is %j', async (id) => {
    const response = await server.app.inject({ method, url: `/schedule/${id}${action}` });
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response).task_id).toMatch(/is not allowed; give a UUID such as/);
  });

  test('does not find what there is not', async () => {
    const id = randomUUID();
    const response = await server.app.inject({ method, url: `/schedule/${id}${action}` });
    expect(problemOf(response)).toMatchObject({ status: 404, code: 'not_found', detail: `there is no task ${id}` });
  });

  test('takes ids in capitals, and no parameters', async () => {
    const id = await seed(action === '/retry' ? { state: 'failed' } : {});
    const url = `/schedule/${id.toUpperCase()}${action}`;
    const refused = await server.app.inject({ method, url: `${url}?force=1` });
    expect(refused.statusCode).toBe(400);
    expect(faultsOf(refused)).toHaveProperty('force');
    const response = await server.app.inject({ method, url });
    expect(response.statusCode).toBe(200);
    const body = response.json<{ id?: string; task_id?: string }>();
    expect(body.id ?? body.task_id).toBe(id);
  });
});
