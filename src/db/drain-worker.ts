import { DRAIN_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  WITH drained AS (
    UPDATE workers SET draining = true, drain_timeout_ms = least(drain_timeout_ms, $2) WHERE id = $1 RETURNING id
  )
  SELECT pg_notify('${DRAIN_CHANNEL}', id) FROM drained
`;

/**
 * Marks a worker as draining and tells the coordinator that holds its session. Should that not hear it, it learns
 * it with the worker's next heartbeat. What still runs `timeoutMs` after the worker hears of it is handed back; `null`:
 * as the worker is configured. Of several times the shortest counts. Returns `false` when there is no such worker.
 */
export async function drainWorker(db: Queryable, workerId: string, timeoutMs: number | null): Promise<boolean> {
  const { rowCount } = await db.query(SQL, [workerId, timeoutMs]);
  return rowCount === 1;
}
