import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/db/in-transaction.ts';
import { isTransient } from '../../src/db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE notes (text text)');
});
afterAll(() => database.close());

const notes = async () =>
  (await database.pool.query<{ text: string }>('SELECT text FROM notes')).rows.map((row) => row.text);

describe('inTransaction', () => {
  test('commits what was done, or nothing of it', async () => {
    await inTransaction(database.pool, (client) => client.query("INSERT INTO notes VALUES ('kept')"));
    const failing = inTransaction(database.pool, async (client) => {
      await client.query("INSERT INTO notes VALUES ('lost')");
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await notes()).toEqual(['kept']);
  });

  test('does not keep its locks when it says nothing more, and counts as not available then', async () => {
    const { rows } = await database.pool.query('SHOW idle_in_transaction_session_timeout');
    expect(rows).toEqual([{ idle_in_transaction_session_timeout: '5s' }]);
    const silent = inTransaction(database.pool, async (client) => {
      await client.query('LOCK notes');
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 50');
      await new Promise((resolve) => client.once('end', resolve));
      expect(await notes()).toContain('kept');
      await client.query('SELECT 1');
    });
    expect(isTransient(await silent.catch((error: unknown) => error))).toBe(true);
  });

  test('survives a connection that breaks between two statements, and throws it away', async () => {
    const broken = inTransaction(database.pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const gone = new Promise((resolve) => client.once('end', resolve));
      await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
      // Without a listener of its own the error would end the process here.
      await gone;
      await client.query('SELECT 1');
    });
    await expect(broken).rejects.toThrow();
    expect(await notes()).toContain('kept');
  });
});
