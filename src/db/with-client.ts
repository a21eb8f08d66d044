import type pg from 'pg';
import { spoilsConnection } from './connection-fate.ts';

/** Runs `work` on a connection of the pool, which gets it back unless it was spoilt. */
export async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let spoilt = false;
  try {
    return await work(client);
  } catch (error) {
    spoilt = spoilsConnection(error);
    throw error;
  } finally {
    client.release(spoilt);
  }
}
