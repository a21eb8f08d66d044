import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSchedulerConfig } from '../../src/scheduler/config.ts';
import { buildScheduler } from '../../src/scheduler/main.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { untilBlocked } from '../db/support/blocked.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

function newScheduler(env: Record<string, string> = {}, logger = pino({ level: 'silent' })): Scheduler {
  const config = readSchedulerConfig({ HYDRA_HTTP_PORT: '0', DATABASE_URL: database.url, ...env });
  return new Scheduler(config, logger);
}

const JSON_HEADERS = { 'content-type': 'application/json' };

describe('a scheduler', () => {
  test('serves, and says where', async () => {
    const { service, describe, logger } = buildScheduler({
      HYDRA_HTTP_PORT: '0',
      HYDRA_LOG_LEVEL: 'silent',
      DATABASE_URL: database.url,
    });
    expect(logger.level).toBe('silent');
    await service.start();
    const { url } = describe();
    const response = await fetch(`${url}/schedule`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"command":"true"}',
    });
    expect(response.status).toBe(201);
    await response.text();
    await service.stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(describe()).toEqual({ url: '' });
  });

  test('says where this machine reaches it when it listens everywhere', async () => {
    for (const [host, address] of [
      ['0.0.0.0', '127.0.0.1'],
      ['127.0.0.2', '127.0.0.2'],
    ] as const) {
      const scheduler = newScheduler({ HYDRA_HTTP_HOST: host });
      await scheduler.start();
      expect(new URL(scheduler.url).hostname).toBe(address);
      await scheduler.stop();
    }
  });

  test('starts without PostgreSQL', async () => {
    const scheduler = newScheduler({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    await scheduler.start();
    expect((await fetch(`${scheduler.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${scheduler.url}/readyz`)).status).toBe(503);
    await scheduler.stop();
  });

  test('does not start where another one listens', async () => {
    const first = newScheduler();
    await first.start();
    const second = newScheduler({ HYDRA_HTTP_PORT: new URL(first.url).port });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.stop();
    await first.stop();
  });

  test('stops when it never started, and twice', async () => {
    const scheduler = newScheduler();
    await scheduler.stop();
    await scheduler.stop();
  });

  test('answers what is under way before it stops, and lets no idle connection hold it', async () => {
    const warnings: string[] = [];
    const scheduler = newScheduler({}, pino({ level: 'warn' }, { write: (line) => warnings.push(line) }));
    await scheduler.start();
    const { hostname, port } = new URL(scheduler.url);
    // One connection is kept open and idle, one has never said anything.
    const agent = new Agent({ keepAlive: true });
    const idle = request({ hostname, port, path: '/healthz', agent }).end();
    const [answer] = (await once(idle, 'response')) as [NodeJS.ReadableStream];
    answer.resume();
    await once(answer, 'end');
    const mute = connect(Number(port), hostname);
    await once(mute, 'connect');

    const blocker = await database.pool.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
    const body = '{"command":"true"}';
    const submitting = fetch(`${scheduler.url}/schedule`, { method: 'POST', headers: JSON_HEADERS, body });
    await untilBlocked(database.pool);
    const stopping = scheduler.stop();
    await expect(fetch(`http://${hostname}:${port}/healthz`)).rejects.toThrow();
    await blocker.query('COMMIT');
    blocker.release();

    const response = await submitting;
    expect(response.status).toBe(201);
    expect(response.headers.get('connection')).toBe('close');
    await response.text();
    await stopping;
    // It would say that it had to cut connections.
    expect(warnings).toEqual([]);
    agent.destroy();
    mute.destroy();
  });
});

describe('a connection that does not speak HTTP', () => {
  async function say(url: string, bytes: string): Promise<string> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setEncoding('utf8').write(bytes);
    let heard = '';
    for await (const chunk of socket) heard += String(chunk);
    return heard;
  }

  test('is told so, and closed', async () => {
    const scheduler = newScheduler();
    await scheduler.start();
    const nonsense = await say(scheduler.url, 'hello\r\n\r\n');
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/);
    expect(JSON.parse(nonsense.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'invalid_request' });
    const long = await say(scheduler.url, `GET /?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    await scheduler.stop();
  });
});
