import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { DUE_CHANNEL } from './channels.ts';
import { LET_GO_UNSENT, ownClaimsSql } from './own-claims.ts';
import type { Queryable } from './pool.ts';

const releaseSql = (ctes: string, condition: string) => /* sql */ `
  WITH ${ctes} claimed AS MATERIALIZED (
    ${ownClaimsSql(condition)}
  ), released AS (
    UPDATE tasks t SET ${LET_GO_UNSENT} FROM claimed WHERE t.id = claimed.id
    RETURNING t.id, claimed.attempt
  ), woken AS (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM released LIMIT 1
  )
  SELECT id, attempt FROM released WHERE (SELECT count(*) FROM woken) >= 0
`;

const RELEASE = releaseSql('', '');

const RELEASE_IF_ROOM_ELSEWHERE = releaseSql(
  /* sql */ `
    taken AS MATERIALIZED (
      SELECT worker_id, count(*) AS slots FROM tasks
      WHERE state IN ('picked', 'running') AND worker_id IS NOT NULL GROUP BY worker_id
    ), room AS MATERIALIZED (
      SELECT DISTINCT w.queues, w.labels FROM workers w LEFT JOIN taken ON taken.worker_id = w.id
      WHERE w.coordinator_id <> $1 AND w.lease_until > statement_timestamp() AND NOT w.draining
        AND w.slots > coalesce(taken.slots, 0)
    ),`,
  /* sql */ `
    AND EXISTS (SELECT FROM room WHERE room.queues && ARRAY[t.queue, '*'] AND room.labels @> t.labels)`,
);

async function release(sql: string, db: Queryable, coordinatorId: string, keys: readonly AttemptKey[]) {
  const { rows } = await db.query<{ id: string; attempt: number }>(sql, [coordinatorId, ...keyColumns(keys)]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}

/**
 * Gives claims back that were never sent to a worker, and wakes whoever has room; those that somebody asked to cancel
 * are cancelled. Nothing may be able to send them any more, since their numbers will be used again. Returns those that
 * were still owned.
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
