import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { Limits } from '../../src/scheduler/limits.ts';
import type { Bound } from '../../src/scheduler/metrics.ts';
import { untilBlocked } from '../db/support/blocked.ts';
import { seedOutput } from '../db/support/output.ts';
import { seedRow } from '../db/support/rows.ts';
import { piecesOf } from './support/pieces.ts';
import { startAppOnDatabase, type AppOnDatabase, type ProblemBody } from './support/test-app.ts';

/* More comes than one scheduler can take on: it refuses what is too much, says so, and goes on. */

const MIB = 1024 * 1024;
let server: AppOnDatabase | undefined;
let lock: pg.PoolClient | undefined;
afterEach(async () => {
  await unlock();
  await server?.close();
  server = undefined;
});

/** A scheduler that listens, and where. */
async function listening(limits: Partial<Limits> = {}) {
  server = await startAppOnDatabase({ limits });
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  return { app: server, url };
}

/** From now on nobody reads or writes tasks. */
async function lockTasks(app: AppOnDatabase): Promise<void> {
  lock = await app.database.pool.connect();
  await lock.query('BEGIN');
  await lock.query('LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
}

async function unlock(): Promise<void> {
  await lock?.query('COMMIT');
  lock?.release();
  lock = undefined;
}

async function hits({ app }: AppOnDatabase, bound: Bound): Promise<number> {
  const { body } = await app.inject({ url: '/metrics' });
  return Number(new RegExp(`^hydra_bound_hits_total\\{bound="${bound}"\\} (\\d+)$`, 'm').exec(body)?.[1]);
}

type Body = string | ReadableStream<Uint8Array>;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly problem: ProblemBody | null;
}

async function post(url: string, body: Body, path = '/schedule'): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body, duplex: 'half' });
  const text = await response.text();
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    problem: response.ok ? null : (JSON.parse(text) as ProblemBody),
  };
}

/** A body whose length is not told beforehand. */
function chunked(text: string): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.subarray(at, (at += 100_000)));
      if (at >= bytes.length) controller.close();
    },
  });
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('large requests that come together', () => {
  const text = JSON.stringify({ command: 'cat', stdin: 'x'.repeat(7 * MIB) });

  test.each([
    ['with their length', (): Body => text],
    ['in chunks', (): Body => chunked(text)],
  ])('%s are taken up to a bound, and the others are asked to try again', async (_, body) => {
    const { app, url } = await listening({ bodyBytes: 32 * MIB });
    await lockTasks(app);
    let held = 0;
    const answers = Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await post(url, body());
        held = Math.max(held, app.services.bodies.total);
        return answer;
      }),
    );
    // All have been read, or were refused. Small ones pass meanwhile.
    const refused = async () => hits(app, 'bodies');
    await expect.poll(refused, { timeout: 20_000 }).toBeGreaterThanOrEqual(8);
    expect(await post(url, '{')).toMatchObject({ status: 400 });
    await unlock();
    const [taken, others] = partition(await answers, ({ status }) => status === 201);
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThanOrEqual(4);
    for (const answer of others) {
      expect(answer).toMatchObject({
        status: 503,
        retryAfter: '2',
        problem: {
          code: 'unavailable',
          detail: 'the requests under way take too much memory together; try again',
        },
      });
    }
    expect(held).toBeLessThanOrEqual(32 * MIB);
    const { rows } = await app.database.pool.query('SELECT count(*)::int FROM tasks');
    expect(rows).toEqual([{ count: taken.length }]);
    // And once they are answered, there is room again.
    await expect.poll(() => app.services.bodies.total).toBe(0);
    expect(await post(url, body())).toMatchObject({ status: 201 });
  });

  test('are forgotten when their clients go', async () => {
    const { app, url } = await listening({ bodyBytes: 2 * MIB });
    const { port } = new URL(url);
    const sockets = [1, 2].map(() => connect(Number(port), '127.0.0.1'));
    for (const socket of sockets) {
      socket.write(`POST /schedule HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`);
      socket.write(`content-length: ${MIB}\r\n\r\n{`);
    }
    await expect.poll(() => app.services.bodies.total).toBe(2 * MIB);
    expect(await post(url, text)).toMatchObject({ status: 503 });
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => app.services.bodies.total).toBe(0);
  });

  test('are refused as too large when they are that alone', async () => {
    const { app, url } = await listening({ bodyBytes: MIB });
    expect(await post(url, JSON.stringify({ all: true, x: 'x'.repeat(100_000) }), '/schedule/cancel')).toMatchObject({
      status: 413,
    });
    expect(await hits(app, 'request_body')).toBe(1);
    expect(await hits(app, 'bodies')).toBe(0);
  });
});

describe('requests', () => {
  test('beyond so many at once are asked to try again, but for those that ask how it is', async () => {
    const { app, url } = await listening({ requests: 3 });
    await lockTasks(app);
    const waiting = [1, 2, 3].map(() => fetch(`${url}/schedule`));
    await expect
      .poll(async () => (await fetch(`${url}/schedule`, { signal: AbortSignal.timeout(500) })).status)
      .toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await hits(app, 'requests')).toBeGreaterThanOrEqual(1);
    await unlock();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await expect.poll(async () => (await fetch(`${url}/schedule`)).status).toBe(200);
  });

  test('for which too many statements wait already are refused at once', async () => {
    const { app, url } = await listening({ statements: 4 });
    await lockTasks(app);
    const answers = Array.from({ length: 10 }, () => fetch(`${url}/schedule`));
    await expect.poll(() => hits(app, 'statements')).toBe(6);
    await unlock();
    const statuses = (await Promise.all(answers)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, 200, 503, 503, 503, 503, 503, 503]);
  });

  test('with too much in front of their body are counted', async () => {
    const { app, url } = await listening();
    const response = await fetch(`${url}/schedule?cursor=${'x'.repeat(20_000)}`);
    expect(response.status).toBe(431);
    expect(await hits(app, 'request_head')).toBe(1);
  });
});

test('connections beyond so many are closed, and others go on', async () => {
  const { app, url } = await listening({ connections: 3 });
  const port = Number(new URL(url).port);
  const sockets: Socket[] = [];
  for (let count = 0; count < 5; count++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
  }
  for (const socket of sockets) socket.resume();
  await expect.poll(() => sockets.filter(({ closed }) => closed).length).toBe(2);
  expect(await hits(app, 'connections')).toBe(2);
  for (const socket of sockets.filter(({ closed }) => !closed)) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  }
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => (await fetch(`${url}/healthz`)).status).toBe(200);
});

describe('readers that take nothing', () => {
  /** A task that ended with so much output. */
  async function taskWithOutput(app: AppOnDatabase, bytes: number): Promise<string> {
    const id = await seedRow(app.database.pool, { state: 'completed' });
    const pieces = piecesOf(...Array.from({ length: Math.ceil(bytes / 65_536) }, () => ({ out: 'x'.repeat(65_536) })));
    await seedOutput(app.database.pool, id, 1, pieces);
    return id;
  }

  async function seedLongCommands(app: AppOnDatabase): Promise<void> {
    const sql = `INSERT INTO tasks (id, queue, labels, lane, command, scheduled_at, due_at)
      SELECT gen_random_uuid(), 'default', '{}', 'default', repeat('x', 90000), now(), now() FROM generate_series(1, 100)`;
    await app.database.pool.query(sql);
  }

  /** Asks, and reads nothing of the answer yet. */
  async function ask(url: string): Promise<IncomingMessage> {
    const request = httpRequest(url).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response.pause();
  }

  test('hold up nobody else, and are cut off in the end', async () => {
    const { app, url } = await listening({ stuckMs: 2_500 });
    const id = await taskWithOutput(app, 12 * MIB);
    const stuck = await ask(`${url}/schedule/${id}/output?stream=stdout`);
    const cut = new Promise((resolve) => stuck.on('error', resolve));
    await expect.poll(() => hits(app, 'stuck_reader'), { timeout: 20_000 }).toBe(1);
    stuck.resume();
    expect(await cut).toMatchObject({ code: 'ECONNRESET' });
    expect(await hits(app, 'slow_reader')).toBe(0);
    const slow = await ask(`${url}/schedule/${id}/output?stream=stdout`);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // longer than a second, and not too long
    const lengths: number[] = [];
    for await (const chunk of slow) lengths.push((chunk as Buffer).length);
    expect(sum(lengths)).toBe(12 * MIB);
    expect(await hits(app, 'slow_reader')).toBe(1);
  });

  test('may wait for what there is not yet', async () => {
    const { app, url } = await listening({ stuckMs: 300 });
    const id = await seedRow(app.database.pool, { state: 'running' });
    const follower = await ask(`${url}/schedule/${id}/output?follow=1`);
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // three times as long as would be too long
    await app.database.pool.query(
      "UPDATE tasks SET state = 'completed', completed_at = now(), exit_code = 0 WHERE id = $1",
      [id],
    );
    await seedOutput(app.database.pool, id, 1, piecesOf({ out: 'at last' }));
    let text = '';
    for await (const chunk of follower) text += String(chunk);
    expect(text).toBe('at last');
    expect(await hits(app, 'stuck_reader')).toBe(0);
  });

  test('are forgotten when they have gone before their answer came', async () => {
    const { app, url } = await listening();
    await seedLongCommands(app);
    await lockTasks(app);
    const gone = new AbortController();
    const asking = fetch(`${url}/schedule?limit=1000`, { signal: gone.signal });
    await untilBlocked(app.database.pool);
    gone.abort();
    await expect(asking).rejects.toThrow();
    await unlock();
    const answered = await fetch(`${url}/schedule?limit=1000`);
    expect((await answered.text()).length).toBeGreaterThan(8 * MIB);
    await expect.poll(() => app.services.answers.total).toBe(0);
  });

  test.each([
    ['output as JSON', (id: string) => `/schedule/${id}/output`],
    ['a long list', () => '/schedule?limit=1000'],
  ])('of %s do not fill the memory', async (_, path) => {
    const { app, url } = await listening({ answerBytes: 10 * MIB });
    const id = await taskWithOutput(app, 8 * MIB);
    await seedLongCommands(app);
    const first = await ask(`${url}${path(id)}`);
    expect(first.statusCode).toBe(200);
    const second = await fetch(`${url}${path(id)}`);
    expect(second.status).toBe(503);
    expect(second.headers.get('retry-after')).toBe('2');
    expect(await second.json()).toMatchObject({
      code: 'unavailable',
      detail: 'the answers under way take too much memory together; try again',
    });
    expect(await hits(app, 'answers')).toBe(1);
    first.resume();
    await once(first, 'end');
    await expect.poll(() => app.services.answers.total).toBe(0);
    expect((await fetch(`${url}${path(id)}`)).status).toBe(200);
  });
});

test('what is under way is not counted any more once it is over', async () => {
  const { app } = await listening({ requests: 1 });
  for (let count = 0; count < 3; count++) {
    expect((await app.app.inject({ url: `/schedule/${randomUUID()}` })).statusCode).toBe(404);
  }
});

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
