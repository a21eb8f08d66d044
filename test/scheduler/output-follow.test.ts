import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { storeOutput } from '../../src/db/store-output.ts';
import type { OutputPiece } from '../../src/domain/output.ts';
import { seedOutput } from '../db/support/output.ts';
import { seedRow } from '../db/support/rows.ts';
import { bytesOf, eventsOf, type SentEvent } from './support/followed.ts';
import { piecesOf } from './support/pieces.ts';
import { startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
let url: string;
beforeAll(async () => {
  server = await startAppOnDatabase();
  url = await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

const COORDINATOR = '3b0d9a3e-0a6e-4c0e-9d54-1b1ad4cbd6c4';

/** A task in the table, whose life the test leads. */
class Task {
  readonly id: string;
  #attempt: number;

  private constructor(id: string, attempt: number) {
    this.id = id;
    this.#attempt = attempt;
  }

  static async waiting(): Promise<Task> {
    return new Task(await seedRow(server.database.pool), 0);
  }

  static async running(): Promise<Task> {
    const task = await Task.waiting();
    await task.begin();
    return task;
  }

  /** The next attempt starts. */
  async begin(): Promise<void> {
    this.#attempt += 1;
    await this.#set(`state = 'running', attempt = attempt + 1, coordinator_id = '${COORDINATOR}', worker_id = 'worker',
      picked_at = now(), started_at = now()`);
  }

  async write(...pieces: readonly OutputPiece[]): Promise<void> {
    const keyed = pieces.map((piece) => ({ ...piece, taskId: this.id, attempt: this.#attempt }));
    await storeOutput(server.database.pool, COORDINATOR, keyed);
  }

  /** The attempt fails and is followed by another one. */
  async retry(): Promise<void> {
    const past = `INSERT INTO past_attempts (task_id, attempt, picked_at, ended_at, reason, exit_code)
      VALUES ($1, $2, now(), now(), 'exited', 7)`;
    await server.database.pool.query(past, [this.id, this.#attempt]);
    await this.#set(
      `state = 'scheduled', coordinator_id = NULL, worker_id = NULL, picked_at = NULL, started_at = NULL`,
    );
  }

  async end(last: readonly OutputPiece[] = []): Promise<void> {
    // As the end is recorded: with what is left of the output.
    const client = await server.database.pool.connect();
    await client.query('BEGIN');
    await seedOutput(client, this.id, this.#attempt, last);
    await client.query(
      `UPDATE tasks SET state = 'failed', failed_at = now(), reason = 'exited', exit_code = 3 WHERE id = $1`,
      [this.id],
    );
    await client.query('COMMIT');
    client.release();
  }

  #set(sql: string) {
    return server.database.pool.query(`UPDATE tasks SET ${sql} WHERE id = $1`, [this.id]);
  }
}

const events = (task: Task, query = '', headers: Record<string, string> = {}) =>
  fetch(`${url}/schedule/${task.id}/output?follow=1${query}`, {
    headers: { accept: 'text/event-stream', ...headers },
  });

/** Reads an event at a time. */
async function following(task: Task, query = '', headers: Record<string, string> = {}) {
  const response = await events(task, query, headers);
  const iterator = eventsOf(response);
  return {
    response,
    next: async () => (await iterator.next()).value ?? null,
    leave: () => iterator.return(),
  };
}

async function all(response: Response): Promise<SentEvent[]> {
  const sent: SentEvent[] = [];
  for await (const event of eventsOf(response)) sent.push(event);
  return sent;
}

/** What they tell, in short. */
const told = (sent: readonly SentEvent[]) =>
  sent.map(({ event, data }) => {
    if (event === 'output')
      return `${String(data.stream)} ${String(data.position)} ${String(data.text ?? data.base64)}`;
    return event === 'gap' ? `gap ${String(data.dropped)}` : `${event} ${String(data.attempt)}`;
  });

/** The statements that the app sends from now on. */
function spied(): string[] {
  const asked: string[] = [];
  const pool = server.pool as { query: unknown };
  const query = server.pool.query.bind(server.pool) as (statement: { name?: string }) => Promise<unknown>;
  pool.query = (statement: { name?: string }) => {
    asked.push(statement.name ?? '');
    return query(statement);
  };
  onTestFinished(() => void (pool.query = query));
  return asked;
}

describe('server-sent events', () => {
  test('tell what is written, as it is, and how it ended', async () => {
    const task = await Task.running();
    const client = await following(task);
    expect(client.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(client.response.headers.get('cache-control')).toBe('no-store');
    expect(await client.next()).toEqual({ event: 'attempt', id: '1:0:0', data: { attempt: 1 } });
    const pieces = piecesOf({ out: 'hello\n', err: 'oh' }, { out: Buffer.from([0xff, 10]) }, { err: 'bye' });
    await task.write(pieces[0]!);
    expect(await client.next()).toEqual({
      event: 'output',
      id: '1:6:0',
      data: { stream: 'stdout', text: 'hello\n', position: 0 },
    });
    expect(await client.next()).toMatchObject({ id: '1:6:2', data: { stream: 'stderr', text: 'oh', position: 6 } });
    await task.write(pieces[1]!);
    expect(await client.next()).toMatchObject({ id: '1:8:2', data: { stream: 'stdout', base64: '/wo=', position: 8 } });
    await task.end(pieces.slice(2));
    expect(await client.next()).toMatchObject({ id: '1:8:5', data: { text: 'bye' } });
    expect(await client.next()).toEqual({
      event: 'end',
      id: '1:8:5:end',
      data: { attempt: 1, state: 'failed', reason: 'exited', exit_code: 3, signal: null, error: null },
    });
    expect(await client.next()).toBeNull();
  });

  test('wait for a task that has not started, and follow it through its retries', async () => {
    const task = await Task.waiting();
    const client = await following(task);
    await task.begin();
    await task.write(...piecesOf({ out: 'first' }));
    expect(told([(await client.next())!, (await client.next())!])).toEqual(['attempt 1', 'stdout 0 first']);
    await task.retry();
    await task.begin();
    // So soon that nobody sees it.
    await task.retry();
    await task.begin();
    await task.write(...piecesOf({ err: 'third' }));
    await task.end();
    const rest = [];
    for (let event = await client.next(); event !== null; event = await client.next()) rest.push(event);
    expect(told(rest)).toEqual(['attempt 2', 'attempt 3', 'stderr 0 third', 'end 3']);
  });

  test('of one attempt end with it', async () => {
    const task = await Task.running();
    const client = await following(task, '&attempt=1');
    await task.write(...piecesOf({ out: 'first' }));
    expect(told([(await client.next())!, (await client.next())!])).toEqual(['attempt 1', 'stdout 0 first']);
    await task.retry();
    expect(await client.next()).toMatchObject({
      event: 'end',
      data: { attempt: 1, state: 'scheduled', reason: 'exited', exit_code: 7 },
    });
    expect(await client.next()).toBeNull();
    await task.begin();
    // Also long after it.
    expect(told(await all(await events(task, '&attempt=1')))).toEqual(['attempt 1', 'stdout 0 first', 'end 1']);
  });

  test('of a task that never ran end at once', async () => {
    const task = await Task.waiting();
    await server.database.pool.query(
      `UPDATE tasks SET state = 'cancelled', cancelled_at = now(), reason = 'cancelled' WHERE id = $1`,
      [task.id],
    );
    const sent = await all(await events(task));
    expect(sent).toMatchObject([{ event: 'end', id: '0:0:0:end', data: { attempt: 0, state: 'cancelled' } }]);
    expect((await events(task, '', { 'last-event-id': sent[0]!.id })).status).toBe(204);
  });

  test('say where bytes were dropped, of the streams that are asked for', async () => {
    const task = await Task.running();
    await task.write(
      ...piecesOf(
        { out: 'head', err: 'E' },
        { dropped: { out: 100, err: 7 } },
        { err: 'F' },
        { dropped: { err: 5 } },
        { out: 'tail' },
      ),
    );
    await task.end();
    expect(told(await all(await events(task)))).toEqual([
      'attempt 1',
      'stdout 0 head',
      'stderr 4 E',
      'gap 107',
      'stderr 112 F',
      'gap 5',
      'stdout 118 tail',
      'end 1',
    ]);
    expect(told(await all(await events(task, '&stream=stdout')))).toEqual([
      'attempt 1',
      'stdout 0 head',
      'gap 100',
      'stdout 118 tail',
      'end 1',
    ]);
  });

  test('say where the live tail has moved on, and repeat nothing when the whole tail takes its place', async () => {
    const task = await Task.running();
    const client = await following(task);
    const [head, live, ...tail] = piecesOf({ out: 'head' }, { dropped: { out: 10 } }, { out: 'LIVE' });
    await task.write(head!, live!);
    expect(
      told([(await client.next())!, (await client.next())!, (await client.next())!, (await client.next())!]),
    ).toEqual(['attempt 1', 'stdout 0 head', 'gap 10', 'stdout 14 LIVE']);
    expect(tail).toEqual([]);
    // What was written before and after it, too.
    const data = Buffer.from('beforeLIVEafter');
    const start = 8;
    await task.write({ start, data, segments: [15], stdoutEnd: 23, stderrEnd: 0, replacesFrom: 4 });
    await task.end();
    expect(told([(await client.next())!, (await client.next())!])).toEqual(['stdout 18 after', 'end 1']);
  });

  test('begin with the last bytes of what there is', async () => {
    const task = await Task.running();
    await task.write(...piecesOf({ out: 'one ', err: 'ERR' }, { out: 'two' }));
    await task.end();
    expect(told(await all(await events(task, '&tail=4')))).toEqual([
      'attempt 1',
      'stderr 6 R',
      'stdout 7 two',
      'end 1',
    ]);
    expect(told(await all(await events(task, '&tail=4&stream=stdout')))).toEqual([
      'attempt 1',
      'stdout 3  ',
      'stdout 7 two',
      'end 1',
    ]);
    expect(told(await all(await events(task, '&tail=0')))).toEqual(['attempt 1', 'end 1']);
    expect(told(await all(await events(task, '&tail=100')))).toHaveLength(5);
  });

  test('are resumed wherever they broke off: nothing is lost and nothing repeated', async () => {
    const step = fc.record({
      out: fc.string({ unit: 'grapheme', maxLength: 4 }),
      err: fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }).map((text) => Buffer.from(text, 'latin1')),
      gap: fc.constantFrom(0, 0, 0, 9),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.boolean(), async (steps, retried) => {
        const task = await Task.running();
        if (retried) {
          await task.write(...piecesOf({ out: 'before' }));
          await task.retry();
          await task.begin();
        }
        const pieces = piecesOf(...steps.flatMap(({ gap, ...piece }) => [{ dropped: { out: gap } }, piece]));
        await task.write(...pieces);
        await task.end();
        const whole = await all(await events(task, '', retried ? { 'last-event-id': '1:0:0' } : {}));
        expect(whole.map(({ event }) => event).filter((event) => event === 'end')).toHaveLength(1);
        const bytes = whole.filter(({ event, id }) => event === 'output' && id.startsWith(retried ? '2:' : '1:'));
        expect(Buffer.concat(bytes.map(bytesOf))).toEqual(Buffer.concat(pieces.map(({ data }) => data)));
        for (const [index, { event, id }] of whole.entries()) {
          const response = await events(task, '', { 'last-event-id': id });
          expect(response.status).toBe(event === 'end' ? 204 : 200);
          if (event !== 'end') expect(await all(response)).toEqual(whole.slice(index + 1));
        }
      }),
      { numRuns: 15 },
    );
  });

  test.each([
    ['', 'nonsense'],
    ['', '2:0:0'],
    ['', '1:-1:0'],
    ['', '0:0:0'],
    ['&attempt=1', '2:0:0'],
  ])('%s refuse to go on from %s', async (query, id) => {
    const task = await Task.running();
    const response = await events(task, query, { 'last-event-id': id });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ field: 'last-event-id' }] });
  });
});

describe('bytes', () => {
  const bytes = (task: Task, query = '') => fetch(`${url}/schedule/${task.id}/output?follow=1${query}`);

  test('are those of both streams as they were written, or of one', async () => {
    const task = await Task.running();
    const response = await bytes(task);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const erring = await bytes(task, '&stream=stderr');
    const pieces = piecesOf(
      { out: Buffer.from([0, 0xff]), err: '1' },
      { dropped: { out: 5 } },
      { out: '2' },
      { err: '3' },
    );
    await task.write(...pieces.slice(0, 2));
    await task.end(pieces.slice(2));
    expect(Buffer.from(await response.arrayBuffer())).toEqual(
      Buffer.concat([Buffer.from([0, 0xff]), Buffer.from('123')]),
    );
    expect(await erring.text()).toBe('13');
  });

  test('are read no faster than a slow client takes them', async () => {
    const size = 64 * 1024;
    const task = await Task.running();
    const pieces = piecesOf(...Array.from({ length: 256 }, (_, i) => ({ out: Buffer.alloc(size, i) })));
    await seedOutput(server.database.pool, task.id, 1, pieces);
    await task.end();
    const asked = spied();
    const [response] = (await once(httpGet(`${url}/schedule/${task.id}/output?follow=1`), 'response')) as [
      IncomingMessage,
    ];
    response.pause();
    const pages = () => asked.filter((name) => name === 'read-output-pieces').length;
    const progress = async () => {
      const before = pages();
      await delay(300); // long enough for all of it to be read
      return pages() - before;
    };
    await expect.poll(progress).toBe(0);
    expect(pages()).toBeLessThan(40); // of 52: some is in the buffers of the system
    let length = 0;
    for await (const chunk of response) length += (chunk as Buffer).length;
    expect(length).toBe(256 * size);
  });
});

describe('followers', () => {
  /** Nobody follows anything any more, and so nobody asks. */
  async function quiet(asked: string[]): Promise<void> {
    const silence = async () => {
      asked.length = 0;
      await delay(450); // two looks
      return asked.length;
    };
    await expect.poll(silence, { timeout: 10_000 }).toBe(0);
  }

  test('of one task, however many, cost one statement at a time', async () => {
    const task = await Task.running();
    const clients = await Promise.all(Array.from({ length: 30 }, () => following(task)));
    for (const client of clients) await client.next();
    const asked = spied();
    await task.write(...piecesOf({ out: 'hello' }));
    for (const client of clients) expect(await client.next()).toMatchObject({ data: { text: 'hello' } });
    expect(asked.filter((name) => name === 'read-output-pieces')).toHaveLength(1);
    expect(asked.filter((name) => name === 'watch-outputs').length).toBeLessThan(20);
    await task.end();
    for (const client of clients) expect(await client.next()).toMatchObject({ event: 'end' });
    await quiet(asked);
  });

  test('that go away are noticed', async () => {
    const task = await Task.running();
    const client = await following(task);
    await client.next();
    const asked = spied();
    await expect.poll(() => asked).toContain('watch-outputs');
    await client.leave();
    await quiet(asked);
  });

  test('are told to come again when the server stops, and bytes break off', async () => {
    const own = await startAppOnDatabase();
    const address = await own.app.listen({ host: '127.0.0.1', port: 0 });
    const id = await seedRow(own.database.pool, { state: 'running' });
    await seedOutput(own.database.pool, id, 1, piecesOf({ out: 'hello' }));
    const path = `${address}/schedule/${id}/output?follow=1`;
    const sent = eventsOf(await fetch(path, { headers: { accept: 'text/event-stream' } }));
    const plain = (await fetch(path)).body!.getReader();
    expect(Buffer.from((await plain.read()).value ?? []).toString()).toBe('hello');
    expect([(await sent.next()).value, (await sent.next()).value]).toMatchObject([
      { event: 'attempt' },
      { event: 'output' },
    ]);
    const closed = own.close();
    expect((await sent.next()).done).toBe(true);
    await expect(plain.read()).rejects.toThrow();
    await closed;
  });

  test('survive it when PostgreSQL is away for a while', async () => {
    const task = await Task.running();
    const client = await following(task);
    await client.next();
    const { pool } = server;
    const query = pool.query.bind(pool);
    let refused = 0;
    (pool as { query: unknown }).query = () => {
      refused += 1;
      return Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    };
    onTestFinished(() => void ((pool as { query: unknown }).query = query));
    await task.write(...piecesOf({ out: 'meanwhile' }));
    await expect.poll(() => refused).toBeGreaterThan(1);
    (pool as { query: unknown }).query = query;
    expect(await client.next()).toMatchObject({ data: { text: 'meanwhile' } });
    await task.end();
    expect(await client.next()).toMatchObject({ event: 'end' });
  });
});
