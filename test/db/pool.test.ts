import { randomUUID } from 'node:crypto';
import { createServer, connect, type AddressInfo } from 'node:net';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mayBeCommitted } from '../../src/db/connection-fate.ts';
import { inTransaction } from '../../src/db/in-transaction.ts';
import { createPool, type PoolOptions } from '../../src/db/pool.ts';
import { databaseFault, isTransient, sqlStateOf } from '../../src/db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { linkTo } from '../support/link-to.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { untilBlocked } from './support/blocked.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 20_000, interval: 20 };

let database: TestDatabase;
/** Undone after each test, the last first. */
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE notes (id int PRIMARY KEY, text text)');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await database.close();
});

interface Told {
  readonly idle: Error[];
  readonly operator: string[];
  dead: number;
}

function poolOf(url: string, options: Partial<PoolOptions> = {}): { readonly pool: pg.Pool; readonly told: Told } {
  const told: Told = { idle: [], operator: [], dead: 0 };
  const pool = createPool({
    url,
    size: 4,
    applicationName: 'pool under test',
    onIdleError: (error) => told.idle.push(error),
    onOperatorFault: (fault) => told.operator.push(fault),
    onDeadConnection: () => (told.dead += 1),
    ...options,
  });
  cleanups.push(() => pool.end());
  return { pool, told };
}

const pidOf = async (pool: pg.Pool) => {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
};
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('it has not failed');
    },
    (error: unknown) => error,
  );
/** So many connections, idle. */
const warmUp = (pool: pg.Pool, count: number) =>
  Promise.all(Array.from({ length: count }, () => pool.query('SELECT pg_sleep(0.1)')));

describe('a connection', () => {
  test('is kept when a statement on it fails without harm', async () => {
    const { pool } = poolOf(database.url);
    const pid = await pidOf(pool);
    for (const sql of ['INSERT INTO notes VALUES (1), (1)', "SELECT 'x'::int", 'SELECT chr(0)']) {
      await failure(pool.query(sql));
    }
    await failure(inTransaction(pool, (client) => client.query('INSERT INTO notes VALUES (1), (1)')));
    expect(await pidOf(pool)).toBe(pid);
    expect((await pool.query('SELECT FROM notes')).rowCount).toBe(0);
  });

  test('to a server that has become read-only is thrown away, and so are the others that are idle', async () => {
    const { pool, told } = poolOf(database.url);
    await warmUp(pool, 3);
    const client = await pool.connect();
    await client.query('SET default_transaction_read_only = on');
    client.release();
    expect(pool.totalCount).toBe(3);
    // Whichever is taken: only one of them is read-only.
    for (;;) {
      const result = await pool.query('DELETE FROM notes').catch((error: unknown) => sqlStateOf(error));
      if (result === '25006') break;
    }
    await expect.poll(() => pool.totalCount, SOON).toBe(0);
    expect(told.idle).toHaveLength(2);
    await pool.query('DELETE FROM notes');
  });

  test('that is ended while it is idle does not come back', async () => {
    const { pool, told } = poolOf(database.url);
    const pid = await pidOf(pool);
    await database.pool.query('SELECT pg_terminate_backend($1)', [pid]);
    await expect.poll(() => told.idle.length, SOON).toBe(1);
    // Errors are logged, and a connection has secrets.
    expect(Object.keys(told.idle[0]!)).not.toContain('client');
    expect(await pidOf(pool)).not.toBe(pid);
  });

  test('that is ended in the moment in which it is made ends nothing else', async () => {
    const { port, stop } = await startBrief();
    cleanups.push(stop);
    const { pool } = poolOf(`postgres://nobody@127.0.0.1:${port}/none`);
    // Nothing is there to catch it but the pool: this would end the process.
    expect(isTransient(await failure(pool.query('SELECT 1')))).toBe(true);
    expect(isTransient(await failure(inTransaction(pool, (client) => client.query('SELECT 1'))))).toBe(true);
    await expect.poll(() => pool.totalCount, SOON).toBe(0);
  });

  test('is not waited for to answer ROLLBACK when it has not answered before', async () => {
    const proxy = new TcpProxy(new URL(database.url));
    const url = await proxy.start();
    cleanups.push(() => proxy.stop());
    const { pool } = poolOf(url, { statementTimeoutMs: 200 });
    proxy.holdAnswerTo((sent) => sent.includes('held back'));
    const started = performance.now();
    const error = await failure(inTransaction(pool, (client) => client.query("SELECT 'held back'")));
    // 200 ms, and 1 s for the answer; waiting for ROLLBACK would be as long again.
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(databaseFault(error)).toBe('does not answer');
    expect(pool.totalCount).toBe(0);
    await pool.query('SELECT 1');
  });
});

describe('when PostgreSQL has too many connections', () => {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  const url = () => Object.assign(new URL(database.url), { username: role, password: 'right' }).href;
  beforeEach(async () => {
    await database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right' CONNECTION LIMIT 1`);
  });
  afterEach(() => database.pool.query(`DROP ROLE IF EXISTS ${role}`).catch(() => undefined));

  test('those that there are serve everybody, one after the other', async () => {
    const { pool } = poolOf(url(), { size: 8 });
    const pid = await pidOf(pool);
    const pids = await Promise.all(Array.from({ length: 8 }, () => pidOf(pool)));
    expect(new Set(pids)).toEqual(new Set([pid]));
    await pool.end();
    cleanups.pop();
    await untilRoleIsGone(role);
  });

  test('and there is none, it says so at once', async () => {
    const { pool: holder } = poolOf(url());
    await pidOf(holder);
    const { pool } = poolOf(url());
    const started = performance.now();
    const error = await failure(pool.query('SELECT 1'));
    expect(databaseFault(error)).toBe('too many connections (53300)');
    expect(mayBeCommitted(error)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
    await holder.end();
    await pool.end();
    cleanups.length = 0;
    await untilRoleIsGone(role);
  });

  async function untilRoleIsGone(name: string): Promise<void> {
    await expect
      .poll(
        () =>
          database.pool.query(`DROP ROLE ${name}`).then(
            () => true,
            () => false,
          ),
        SOON,
      )
      .toBe(true);
  }
});

describe('a statement', () => {
  test('that loses a deadlock is sent again', async () => {
    await database.pool.query("INSERT INTO notes VALUES (1, 'a'), (2, 'b')");
    await database.pool.query(`
      CREATE FUNCTION change_both() RETURNS void LANGUAGE sql AS $$
        UPDATE notes SET text = text || '!' WHERE id = 2;
        UPDATE notes SET text = text || '!' WHERE id = 1;
      $$`);
    const { pool } = poolOf(database.url);
    await inTransaction(database.pool, async (client) => {
      // The other one looks for deadlocks first, and is the one to give way.
      await client.query("SET LOCAL deadlock_timeout = '1min'");
      await client.query("UPDATE notes SET text = text || '?' WHERE id = 1");
      const changing = pool.query('SELECT change_both()');
      await untilBlocked(pool);
      await client.query("UPDATE notes SET text = text || '?' WHERE id = 2");
      cleanups.push(() => changing);
    });
    await cleanups.pop()?.();
    const { rows } = await pool.query('SELECT text FROM notes ORDER BY id');
    expect(rows).toEqual([{ text: 'a?!' }, { text: 'b?!' }]);
  });

  test.each([
    ['that PostgreSQL rolled back', false, (pool: pg.Pool) => pool.query("SELECT 'x'::int")],
    ['that ran out of time', false, (pool: pg.Pool) => pool.query('SELECT pg_sleep(10)')],
    [
      'whose connection was ended',
      true,
      (pool: pg.Pool) => pool.query('SELECT pg_terminate_backend(pg_backend_pid())'),
    ],
  ])('%s may be committed: %s', async (_, expected, fail) => {
    const { pool } = poolOf(database.url, { statementTimeoutMs: 300 });
    expect(mayBeCommitted(await failure(fail(pool)))).toBe(expected);
  });

  test('that was never sent is not committed; one whose answer was lost may be', async () => {
    const { pool: away } = poolOf('postgres://nobody@127.0.0.1:1/none');
    expect(mayBeCommitted(await failure(away.query('SELECT 1')))).toBe(false);
    const proxy = new TcpProxy(new URL(database.url));
    const { pool } = poolOf(await proxy.start());
    proxy.loseAnswerTo((sent) => sent.includes('INSERT'));
    const error = await failure(pool.query('INSERT INTO notes VALUES (7)'));
    expect([isTransient(error), mayBeCommitted(error)]).toEqual([true, true]);
    expect((await database.pool.query('SELECT id FROM notes')).rows).toEqual([{ id: 7 }]);
    await proxy.stop();
  });
});

describe('an operator', () => {
  test('is told, once in a while, what has to be mended', async () => {
    const wrong = Object.assign(new URL(database.url), { password: 'wrong' });
    const { pool, told } = poolOf(wrong.href);
    for (let i = 0; i < 3; i++) await failure(pool.query('SELECT 1'));
    expect(told.operator).toEqual(['the password is wrong (28P01)']);
  });

  test('is told of what fails within a transaction, and not of what is no fault of theirs', async () => {
    const { pool, told } = poolOf(database.url);
    await failure(pool.query('INSERT INTO notes VALUES (1), (1)'));
    expect(told.operator).toEqual([]);
    await failure(inTransaction(pool, (client) => client.query('SELECT FROM nowhere')));
    expect(told.operator).toEqual(['a table is missing (42P01); run: hydra migrate']);
  });
});

describe('a connection that is dead without a word', () => {
  test('is found within seconds, together with those that are idle, and the next statement goes through', async () => {
    const { link, url } = await linkTo(database.url);
    cleanups.push(() => link.close());
    const { pool, told } = poolOf(url);
    await warmUp(pool, 3);
    link.break({ kind: 'half-open', afterwards: 'stay dead' });
    link.mend();
    const started = performance.now();
    const error = await failure(pool.query('SELECT 1'));
    expect([databaseFault(error), mayBeCommitted(error)]).toEqual(['does not answer', true]);
    // A statement may take 30 s.
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(told.dead).toBe(1);
    await Promise.all([1, 2, 3].map(() => pool.query('SELECT 1')));
    expect(performance.now() - started).toBeLessThan(16_000);
  });

  test('is found also when PostgreSQL has answered and nothing arrives', async () => {
    const { link, url } = await linkTo(database.url);
    cleanups.push(() => link.close());
    const { pool } = poolOf(url);
    const answering = await inTransaction(database.pool, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock(1)');
      const asking = failure(pool.query("SELECT pg_advisory_lock(1), repeat('x', 50000000)"));
      await untilBlocked(database.pool);
      link.break({ kind: 'half-open', afterwards: 'stay dead' });
      link.mend();
      return { asking };
    });
    const started = performance.now();
    expect(databaseFault(await answering.asking)).toBe('does not answer');
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test('is not one whose statement takes long, or waits for a lock', async () => {
    const { pool, told } = poolOf(database.url);
    await inTransaction(pool, async (client) => {
      await client.query('LOCK TABLE notes');
      const waiting = pool.query('INSERT INTO notes VALUES (1)');
      await client.query('SELECT pg_sleep(5)');
      cleanups.push(() => waiting);
    });
    await cleanups.pop()?.();
    expect(told.dead).toBe(0);
    expect((await pool.query('SELECT FROM notes')).rowCount).toBe(1);
  });

  test('is not one over which much is sent slowly', async () => {
    const { link, url } = await linkTo(database.url);
    cleanups.push(() => link.close());
    const { pool, told } = poolOf(url);
    await pool.query('SELECT 1');
    link.break({ kind: 'slow', slowness: { latencyMs: 0, jitterMs: 0, bytesPerSecond: 500_000 } });
    const text = 'x'.repeat(3_000_000);
    const { rows } = await pool.query<{ length: number }>('SELECT length($1::text) AS length', [text]);
    expect([rows[0]?.length, told.dead]).toEqual([text.length, 0]);
  });

  test('is not one behind a pooler, whose numbers of processes are its own', async () => {
    const { port, stop } = await startPooler(new URL(database.url));
    cleanups.push(stop);
    const { pool, told } = poolOf(Object.assign(new URL(database.url), { port: String(port) }).href);
    await pool.query('SELECT pg_sleep(5)');
    expect(told.dead).toBe(0);
  });
});

/** Passes everything on, and gives each connection a number of its own, as PgBouncer does (BackendKeyData). */
async function startPooler(target: URL): Promise<{ readonly port: number; readonly stop: () => void }> {
  const keyData = Buffer.from([0x4b, 0, 0, 0]);
  const pooler = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(server);
    let told = false;
    server.on('data', (chunk: Buffer) => {
      const at = told ? -1 : chunk.indexOf(keyData);
      if (at >= 0) {
        told = true;
        chunk.writeUInt32BE(2_000_000_000, at + 5);
      }
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => pooler.listen(0, '127.0.0.1', resolve));
  return { port: (pooler.address() as AddressInfo).port, stop: () => pooler.close() };
}

/** Lets everybody in, and ends the connection with the same packet. */
async function startBrief(): Promise<{ readonly port: number; readonly stop: () => void }> {
  const message = (type: string, ...body: (number | string)[]) => {
    const bytes = Buffer.concat(body.map((part) => (typeof part === 'number' ? int32(part) : Buffer.from(part))));
    return Buffer.concat([Buffer.from(type), int32(4 + bytes.length), bytes]);
  };
  const fatal = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', '\0'].join('\0');
  const all = Buffer.concat([message('R', 0), message('K', 1, 2), message('Z', 'I'), message('E', fatal)]);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(all));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() };
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
