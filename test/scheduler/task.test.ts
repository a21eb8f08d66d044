import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRow } from '../db/support/rows.ts';
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
      lost_attempts: 0,
      due_at: '2026-01-31T09:00:00.123Z',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      cancelled_at: null,
      expired_at: null,
      worker_id: 'w',
      exit_code: 3,
      signal: null,
      reason: 'exited',
      error: null,
      idempotency_key: null,
      duration_ms: 1500,
      waiting_for: null,
    });
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

describe('DELETE /schedule/:task_id', () => {
  const cancel = (id: string) => server.app.inject({ method: 'DELETE', url: `/schedule/${id}` });

  test.each(['scheduled', 'picked'] as const)('cancels a %s task, once and for all', async (state) => {
    const id = await seed({ state });
    const first = await cancel(id);
    expect(first.statusCode).toBe(200);
    expect(first.json()).toMatchObject({ id, state: 'cancelled', reason: 'cancelled' });
    const again = await cancel(id);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toEqual(first.json());
  });

  test.each([
    ['running', 'the task is running; only a task that has not started can be cancelled'],
    ['completed', 'the task is already completed'],
    ['failed', 'the task is already failed'],
    ['expired', 'the task is already expired'],
  ] as const)('comes too late for a %s task', async (state, detail) => {
    const response = await cancel(await seed({ state }));
    expect(problemOf(response)).toMatchObject({ status: 409, code: 'conflict', detail });
  });

  test('does not mind a body, or the lack of one that was announced', async () => {
    const headers = { 'content-type': 'application/json' };
    const url = `/schedule/${await seed()}`;
    expect((await server.app.inject({ method: 'DELETE', url, headers })).statusCode).toBe(200);
  });
});

describe.each(['GET', 'DELETE'] as const)('%s', (method) => {
  test.each(['', '1', 'abc', 'a%00b', '%F0%9F%98%80', 'x'.repeat(5_000), `${randomUUID()}x`, "';--"])(
    'names task_id when it is %j',
    async (id) => {
      const response = await server.app.inject({ method, url: `/schedule/${id}` });
      expect(response.statusCode).toBe(400);
      expect(faultsOf(response).task_id).toMatch(/is not allowed; give a UUID such as/);
    },
  );

  test('does not find what there is not', async () => {
    const id = randomUUID();
    const response = await server.app.inject({ method, url: `/schedule/${id}` });
    expect(problemOf(response)).toMatchObject({ status: 404, code: 'not_found', detail: `there is no task ${id}` });
  });

  test('takes ids in capitals, and no parameters', async () => {
    const id = await seed();
    expect((await server.app.inject({ method, url: `/schedule/${id.toUpperCase()}?force=1` })).statusCode).toBe(400);
    const response = await server.app.inject({ method, url: `/schedule/${id.toUpperCase()}` });
    expect(response.json()).toMatchObject({ id });
  });
});
