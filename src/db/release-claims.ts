import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { DUE_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';

/* The attempt never reached a worker, or its worker is known not to have started it: its number is used again. */
const releaseSql = (condition: string) => /* sql */ `
  WITH released AS (
    UPDATE tasks t SET
      state = 'scheduled', attempt = t.attempt - 1, coordinator_id = NULL, picked_at = NULL
    FROM unnest($2::uuid[], $3::int[]) AS claim (id, attempt)
    WHERE t.id = claim.id AND t.attempt = claim.attempt AND t.state = 'picked' AND t.coordinator_id = $1 ${condition}
    RETURNING t.id, claim.attempt
  ), woken AS (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM released LIMIT 1
  )
  SELECT id, attempt FROM released WHERE (SELECT count(*) FROM woken) >= 0
`;

const RELEASE = releaseSql('');

const RELEASE_IF_ROOM_ELSEWHERE = releaseSql(/* sql */ `
  AND EXISTS (
    SELECT FROM workers w
    WHERE w.coordinator_id <> $1 AND w.lease_until > statement_timestamp() AND NOT w.draining
      AND w.queues && ARRAY[t.queue, '*'] AND w.labels @> t.labels
      AND w.slots > (
        SELECT count(*) FROM tasks r WHERE r.worker_id = w.id AND r.state IN ('picked', 'running'))
  )`);

async function release(sql: string, db: Queryable, coordinatorId: string, keys: readonly AttemptKey[]) {
  const { rows } = await db.query<{ id: string; attempt: number }>(sql, [coordinatorId, ...keyColumns(keys)]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}

/**
 * Gives claims back that no worker has started, and wakes whoever has room. Only for attempts that are known not to
 * run, since their number will be used again. Returns those that were still owned.
 */
export function releaseClaims(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<AttemptKey[]> {
  return release(RELEASE, db, coordinatorId, keys);
}

/** As {@link releaseClaims}, but only those that a worker of another coordinator could run now. */
export function releaseClaimsIfRoomElsewhere(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<AttemptKey[]> {
  return release(RELEASE_IF_ROOM_ELSEWHERE, db, coordinatorId, keys);
}
