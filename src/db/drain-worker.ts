import { DRAIN_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  WITH drained AS (UPDATE workers SET draining = true WHERE id = $1 RETURNING id)
  SELECT pg_notify('${DRAIN_CHANNEL}', id) FROM drained
`;

/**
 * Marks a worker as draining and tells the coordinator that holds its session. Should that not hear it, it learns
 * it with the worker's next heartbeat. Returns `false` when there is no such worker.
 */
export async function drainWorker(db: Queryable, workerId: string): Promise<boolean> {
  const { rowCount } = await db.query(SQL, [workerId]);
  return rowCount === 1;
}
