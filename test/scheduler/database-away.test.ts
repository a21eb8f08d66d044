import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { readSchedulerConfig } from '../../src/scheduler/config.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { untilBlocked } from '../db/support/blocked.ts';
import { createTestDatabase } from '../support/database.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { problemOf, startApp, startAppOnDatabase, type TestApp } from './support/test-app.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 20_000, interval: 20 };

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
    const detail = 'PostgreSQL is unavailable: connection refused; ';
    expect(problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(problemOf(response).detail).toContain(detail);
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  test('what is submitted is surely not stored', async () => {
    for (const [url, payload] of [
      ['/schedule', { command: 'true' }],
      ['/schedule/batch', { tasks: [{ command: 'true' }] }],
    ] as const) {
      const response = await server.app.inject({ method: 'POST', url, payload });
      expect(problemOf(response).detail).toContain('nothing was stored; try again');
    }
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

describe('when PostgreSQL does not say what became of a task', () => {
  test('the answer is that it may be stored, and an idempotency key makes it safe to repeat', async () => {
    const database = await createTestDatabase();
    const proxy = new TcpProxy(new URL(database.url));
    const server = await startApp(await proxy.start());
    try {
      const submit = (key: string) =>
        server.app.inject({ method: 'POST', url: '/schedule', payload: { command: 'true', idempotency_key: key } });
      proxy.loseAnswerTo((sent) => sent.includes('INSERT INTO tasks'));
      const first = await submit('once');
      expect(problemOf(first)).toMatchObject({
        status: 503,
        detail:
          'PostgreSQL is unavailable: the connection broke; what was submitted may have been stored; ' +
          'with an idempotency_key it is safe to submit it again',
      });
      expect((await submit('once')).statusCode).toBe(200);

      // It was committed, and only the look-up of the other task's id has failed.
      proxy.loseAnswerTo((sent) => sent.includes('SELECT id, idempotency_key'));
      const tasks = ['once', 'twice'].map((key) => ({ command: 'true', idempotency_key: key }));
      const batch = await server.app.inject({ method: 'POST', url: '/schedule/batch', payload: { tasks } });
      expect(problemOf(batch).detail).toContain('may have been stored');
      expect((await submit('twice')).statusCode).toBe(200);
      const { rows } = await database.pool.query('SELECT count(*)::int AS count FROM tasks');
      expect(rows).toEqual([{ count: 2 }]);
    } finally {
      await server.close();
      await proxy.stop();
      await database.close();
    }
  });
});

describe('while PostgreSQL takes too long', () => {
  test('requests are answered within seconds, and nothing is stored', async () => {
    const database = await createTestDatabase();
    const config = readSchedulerConfig({
      DATABASE_URL: database.url,
      HYDRA_HTTP_PORT: '0',
      HYDRA_LOG_LEVEL: 'silent',
    });
    const scheduler = new Scheduler(config, createLogger('scheduler', config.log));
    await scheduler.start();
    const submit = async () => {
      const started = performance.now();
      const response = await fetch(`${scheduler.url}/schedule`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ command: 'true' }),
      });
      const { detail } = (await response.json()) as { detail: string };
      return { status: response.status, detail, ms: performance.now() - started };
    };
    const blocker = await database.pool.connect();
    await blocker.query('BEGIN');
    await blocker.query("SET LOCAL idle_in_transaction_session_timeout = '1min'");
    await blocker.query('LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
    const sent = submit();
    await untilBlocked(database.pool);
    const [first, waited] = await Promise.all([sent, submit()]);
    expect(first).toMatchObject({ status: 503, detail: expect.stringContaining('57014') as string });
    expect(first.detail).toContain('nothing was stored');
    expect(waited).toMatchObject({ status: 503, detail: expect.stringContaining('does not keep up') as string });
    expect([first.ms, waited.ms].map((ms) => ms < 15_000)).toEqual([true, true]);
    await blocker.query('ROLLBACK');
    blocker.release();
    const { rows } = await database.pool.query('SELECT count(*)::int AS count FROM tasks');
    expect(rows).toEqual([{ count: 0 }]);
    await scheduler.stop();
    await database.close();
  });
});

describe('while PostgreSQL is read-only', () => {
  test('nothing can be written, readiness says so, and the pool finds its way back', async () => {
    const server = await startAppOnDatabase();
    const { pool } = server.database;
    const submit = () => server.app.inject({ method: 'POST', url: '/schedule', payload: { command: 'true' } });
    try {
      expect((await submit()).statusCode).toBe(201);
      const { rows } = await pool.query<{ name: string }>('SELECT current_database() AS name');
      const name = rows[0]!.name;
      await pool.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'app under test' AND datname = current_database()",
      );
      await expect
        .poll(async () => (await server.app.inject({ url: '/readyz' })).json<{ detail?: string }>().detail, SOON)
        .toBe('PostgreSQL is unavailable: read-only: a failover is under way (25006); try again');
      expect(problemOf(await submit())).toMatchObject({
        status: 503,
        detail: 'PostgreSQL is unavailable: read-only: a failover is under way (25006); nothing was stored; try again',
      });
      expect((await server.app.inject({ url: '/schedule' })).statusCode).toBe(200);
      await pool.query('SET default_transaction_read_only = off');
      await pool.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
      // The connections that were made meanwhile are read-only to their end; readiness alone gets rid of them.
      await Promise.all([1, 2, 3].map(() => server.app.inject({ url: '/schedule' })));
      await expect.poll(async () => (await server.app.inject({ url: '/readyz' })).statusCode, SOON).toBe(200);
      expect((await submit()).statusCode).toBe(201);
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
