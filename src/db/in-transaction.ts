import type pg from 'pg';
import { spoilsConnection } from './connection-fate.ts';
import { withClient } from './with-client.ts';

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      // A spoilt connection is closed, which rolls back, too, and does not wait for an answer that may never come.
      if (!spoilsConnection(error)) await client.query('ROLLBACK');
      throw error;
    }
  });
}
