import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { problemOf, startApp, startAppOnDatabase, type TestApp } from './support/test-app.ts';

const CLOSED = 'postgres://nobody@127.0.0.1:1/none';

describe('while PostgreSQL cannot be reached', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp(CLOSED);
  });
  afterAll(() => server.close());

  test.each([
    ['POST', '/schedule', { command: 'true' }],
    ['POST', '/schedule/batch', { tasks: [{ command: 'true' }] }],
    ['GET', '/schedule', undefined],
    ['GET', `/schedule/${randomUUID()}`, undefined],
    ['DELETE', `/schedule/${randomUUID()}`, undefined],
    ['GET', `/schedule/${randomUUID()}/output`, undefined],
    ['GET', `/schedule/${randomUUID()}/attempts`, undefined],
    ['POST', `/schedule/${randomUUID()}/retry`, undefined],
    ['POST', `/schedule/${randomUUID()}/run-now`, undefined],
    ['POST', '/schedule/cancel', { all: true }],
    ['POST', '/workers/w/drain', undefined],
    ['GET', '/workers', undefined],
    ['GET', '/stats', undefined],
    ['GET', '/readyz', undefined],
  ] as const)('%s %s asks to try again', async (method, url, payload) => {
    const response = await server.app.inject({ method, url, ...(payload !== undefined && { payload }) });
    expect(problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  test('bad input is still bad input', async () => {
    const response = await server.app.inject({ method: 'POST', url: '/schedule', payload: {} });
    expect(response.statusCode).toBe(400);
  });

  test('it is alive, and says so to Prometheus', async () => {
    expect((await server.app.inject({ url: '/healthz' })).statusCode).toBe(200);
    const metrics = await server.app.inject({ url: '/metrics' });
    expect(metrics.statusCode).toBe(200);
    expect(metrics.body).toContain('\nhydra_database_up 0\n');
    expect(metrics.body).not.toMatch(/^hydra_tasks/m);
    expect(metrics.body).toMatch(/^process_cpu_seconds_total /m);
  });

  test('it logs why', async () => {
    await server.app.inject({ url: '/workers' });
    expect(server.log.at(-1)).toMatchObject({
      level: 40,
      status: 503,
      cause: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});

describe('while PostgreSQL accepts connections and says nothing', () => {
  let silent: Server;
  const sockets = new Set<Socket>();
  let server: TestApp;
  beforeAll(async () => {
    silent = createServer((socket) => sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    server = await startApp(`postgres://nobody@127.0.0.1:${(silent.address() as AddressInfo).port}/none`);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
    silent.close();
  });

  test('readiness, health and metrics are answered all the same', async () => {
    const started = performance.now();
    const [ready, health, metrics] = await Promise.all([
      server.app.inject({ url: '/readyz' }),
      server.app.inject({ url: '/healthz' }),
      server.app.inject({ url: '/metrics' }),
    ]);
    // They give up after 1.5 s; a connection is given up after 5.
    expect(performance.now() - started).toBeLessThan(4_500);
    expect([ready.statusCode, health.statusCode, metrics.statusCode]).toEqual([503, 200, 200]);
    expect(metrics.body).toContain('\nhydra_database_up 0\n');
  });
});

describe('when PostgreSQL ends its connections', () => {
  test('those under way are asked to try again, and the next are served', async () => {
    const server = await startAppOnDatabase();
    const { pool } = server.database;
    try {
      const blocker = await pool.connect();
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
      const reading = server.app.inject({ url: '/schedule' });
      const writing = server.app.inject({ method: 'POST', url: '/schedule', payload: { command: 'true' } });
      const both = Promise.all([reading, writing]);
      const killed = new Set<number>();
      while (killed.size < 2) {
        const { rows } = await pool.query<{ pid: number }>(
          `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'app under test'
            AND wait_event_type = 'Lock' AND datname = current_database()`,
        );
        for (const { pid } of rows) killed.add(pid);
      }
      expect((await both).map(({ statusCode }) => statusCode)).toEqual([503, 503]);
      await blocker.query('ROLLBACK');
      blocker.release();

      expect((await server.app.inject({ url: '/schedule' })).json()).toEqual({ tasks: [], next_cursor: null });
      const submit = await server.app.inject({ method: 'POST', url: '/schedule', payload: { command: 'true' } });
      expect(submit.statusCode).toBe(201);
    } finally {
      await server.close();
    }
  });
});

describe('while the database is not set up', () => {
  test('it says so', async () => {
    const database = await createTestDatabase({ migrated: false });
    const server = await startApp(database.url);
    const ready = await server.app.inject({ url: '/readyz' });
    expect(problemOf(ready)).toMatchObject({
      status: 503,
      detail: expect.stringMatching(/^the schema lacks 0001_\w+, 0002_\w+; run: hydra migrate/) as string,
    });
    const submit = await server.app.inject({ method: 'POST', url: '/schedule', payload: { command: 'true' } });
    expect(problemOf(submit)).toMatchObject({
      status: 503,
      detail: expect.stringContaining('hydra migrate') as string,
    });
    await server.close();
    await database.close();
  });
});
