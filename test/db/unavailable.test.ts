import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  databaseFault,
  isRefused,
  isTransient,
  isUnavailable,
  needsOperator,
  orUnavailable,
  sqlStateOf,
} from '../../src/db/unavailable.ts';
import { HydraError } from '../../src/domain/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** What is to be done, in one word. */
function kindOf(error: unknown): string {
  if (isTransient(error)) return 'transient';
  if (isRefused(error)) return 'refused';
  return needsOperator(error) ? 'operator' : 'none';
}

/** Why connecting, or one of the statements, fails; on a connection of its own. */
async function faultOf(url: URL, statements: readonly string[] = [], connectMs = 30_000): Promise<unknown> {
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: connectMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (const statement of statements) await client.query(statement);
  } catch (error) {
    return error;
  } finally {
    await client.end();
  }
  throw new Error('nothing has failed');
}

describe('what PostgreSQL says', () => {
  let database: TestDatabase;
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right' CONNECTION LIMIT 0`);
    await database.pool.query('CREATE TABLE counted (n int CHECK (n < 10))');
  });
  afterAll(async () => {
    await database.pool.query(`DROP ROLE ${role}`);
    await database.close();
  });
  const elsewhere = (change: Partial<URL>) => Object.assign(new URL(database.url), change);

  test.each([
    ['a constraint', '23514', 'refused', ['INSERT INTO counted VALUES (11)']],
    ['a number out of range', '22003', 'refused', ['INSERT INTO counted VALUES (3000000000)']],
    ['two rows for one', '21000', 'refused', ['SELECT (SELECT n FROM (VALUES (1), (2)) AS two (n))']],
    ['a limit of the program', '54000', 'refused', ['SELECT chr(0)']],
    ['a missing table', '42P01', 'operator', ['SELECT FROM nowhere']],
    ['a statement timeout', '57014', 'transient', ['SET statement_timeout = 20', 'SELECT pg_sleep(10)']],
    ['being read-only', '25006', 'transient', ['SET default_transaction_read_only = on', 'DELETE FROM counted']],
    ['ending a connection', '57P01', 'transient', ['SELECT pg_terminate_backend(pg_backend_pid())']],
    ['a defect of its own', 'P0001', 'operator', ["DO $$ BEGIN RAISE EXCEPTION 'no'; END $$"]],
  ])('%s is %s: %s', async (_, code, kind, statements) => {
    const error = await faultOf(new URL(database.url), statements);
    expect([sqlStateOf(error), kindOf(error)]).toEqual([code, kind]);
    expect(databaseFault(error)).toContain(`(${code})`);
  });

  test.each([
    ['a database that does not exist', '3D000', 'operator', { pathname: '/nowhere' }],
    ['a wrong password', '28P01', 'operator', { username: role, password: 'wrong' }],
    ['too many connections', '53300', 'transient', { username: role, password: 'right' }],
  ])('%s is %s: %s', async (_, code, kind, change) => {
    const error = await faultOf(elsewhere(change));
    expect([sqlStateOf(error), kindOf(error)]).toEqual([code, kind]);
  });

  test('a plan that a migration has made stale is not for an operator', async () => {
    const prepared = ['CREATE TABLE changing (a int)', 'PREPARE reading AS SELECT * FROM changing', 'EXECUTE reading'];
    const error = await faultOf(new URL(database.url), [
      ...prepared,
      'ALTER TABLE changing ADD b int',
      'EXECUTE reading',
    ]);
    expect([sqlStateOf(error), kindOf(error)]).toEqual(['0A000', 'transient']);
  });
});

test.each([
  ['08006', 'transient', 'the connection broke (08006)'],
  ['25P03', 'transient', 'the transaction was ended (25P03)'],
  ['40001', 'transient', 'another transaction was in the way (40001)'],
  ['40P01', 'transient', 'a deadlock (40P01)'],
  ['42501', 'operator', 'a permission is missing (42501)'],
  ['42703', 'operator', 'a column is missing (42703); run: hydra migrate'],
  ['53100', 'transient', 'its disk is full (53100)'],
  ['55P03', 'transient', 'a lock could not be had (55P03)'],
  ['57P02', 'transient', 'the server has crashed and recovers (57P02)'],
  ['57P03', 'transient', 'the server is starting up or shutting down (57P03)'],
  ['57P04', 'operator', 'the database was dropped (57P04)'],
  ['58030', 'transient', 'its system has failed (58030)'],
  ['XX001', 'operator', 'an internal error (XX001)'],
  ['22021', 'refused', 'a value cannot be stored (22021)'],
  ['HV000', 'operator', 'an unexpected error (HV000)'],
])('%s is %s: %s', (code, kind, says) => {
  const error = Object.assign(new Error('a row of secrets'), { code });
  expect([kindOf(error), databaseFault(error)]).toEqual([kind, says]);
});

test('running out of transaction numbers, which PostgreSQL files under values too large, refuses no value', () => {
  const error = (routine: string) => Object.assign(new Error('stop'), { code: '54000', routine });
  expect(kindOf(error('GetNewTransactionId'))).toBe('operator');
  expect(kindOf(error('GetNewMultiXactId'))).toBe('operator');
  expect(kindOf(error('_bt_check_third_page'))).toBe('refused');
});

describe('what the way to PostgreSQL says', () => {
  test('nobody listens', async () => {
    const error = await faultOf(new URL('postgres://nobody@127.0.0.1:1/none'));
    expect([kindOf(error), databaseFault(error)]).toEqual(['transient', 'connection refused']);
  });

  test('a name that does not exist', async () => {
    const error = await faultOf(new URL('postgres://nobody@postgresql.invalid/none'));
    expect(kindOf(error)).toBe('transient');
  });

  test('somebody listens and says nothing', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const error = await faultOf(new URL(`postgres://nobody@127.0.0.1:${port}/none`), [], 100);
    expect([kindOf(error), databaseFault(error)]).toEqual(['transient', 'does not answer']);
    server.close();
  });

  test('somebody hangs up', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const error = await faultOf(new URL(`postgres://nobody@127.0.0.1:${port}/none`));
    expect([kindOf(error), databaseFault(error)]).toEqual(['transient', 'the connection broke']);
    server.close();
  });

  test('none of several addresses can be reached', () => {
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    expect(databaseFault(new AggregateError([refused, refused]))).toBe('connection refused');
  });

  test('a certificate is for somebody to mend', () => {
    const error = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
    expect([kindOf(error), databaseFault(error)]).toEqual(['operator', 'CERT_HAS_EXPIRED: certificate has expired']);
  });
});

describe('what is none of PostgreSQL', () => {
  test.each([
    ['a defect', new TypeError('x is not a function')],
    ['a defect with a code', Object.assign(new TypeError('no'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['a fault of a framework', Object.assign(new Error('no'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' })],
    ['a fault of a caller', new HydraError('conflict', 'no')],
    ['nothing at all', undefined],
  ])('%s', (_, error) => {
    expect([kindOf(error), isUnavailable(error)]).toEqual(['none', false]);
    expect(databaseFault(error)).toBe('an unexpected error; see the log');
  });
});

describe('orUnavailable', () => {
  const failing = (error: unknown) => orUnavailable(() => Promise.reject(error as Error));

  test('says to try again, or that somebody has to mend something, and keeps the cause', async () => {
    const busy = Object.assign(new Error('no'), { code: '53300' });
    await expect(failing(busy)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'PostgreSQL is unavailable: too many connections (53300); try again',
      cause: busy,
    });
    const locked = Object.assign(new Error('no'), { code: '28P01' });
    await expect(failing(locked)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'PostgreSQL cannot be used: the password is wrong (28P01)',
    });
  });

  test('leaves others as they are', async () => {
    const refused = Object.assign(new Error('no'), { code: '23514' });
    await expect(failing(refused)).rejects.toBe(refused);
    const conflict = new HydraError('conflict', 'no');
    await expect(failing(conflict)).rejects.toBe(conflict);
  });
});
