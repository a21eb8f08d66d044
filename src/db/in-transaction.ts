import type pg from 'pg';

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | boolean = false;
  // The pool listens only while the connection is idle; without a listener its breaking would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: unknown) => {
      // The connection cannot be trusted any more; the pool throws it away.
      broken = cause instanceof Error ? cause : true;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
