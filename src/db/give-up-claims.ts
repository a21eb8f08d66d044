import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { DUE_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  WITH given_up AS (
    UPDATE tasks t SET state = 'scheduled', coordinator_id = NULL, picked_at = NULL
    FROM unnest($2::uuid[], $3::int[]) AS claim (id, attempt)
    WHERE t.id = claim.id AND t.attempt = claim.attempt AND t.state = 'picked' AND t.coordinator_id = $1
    RETURNING t.id
  )
  SELECT pg_notify('${DUE_CHANNEL}', '') FROM given_up LIMIT 1
`;

/**
 * Gives claims back that were, or may have been, sent to a worker, and are known not to run. Unlike those that
 * releaseClaims takes, their numbers are not used again: a statement or a frame that is late must not match.
 */
export async function giveUpClaims(db: Queryable, coordinatorId: string, keys: readonly AttemptKey[]): Promise<void> {
  await db.query(SQL, [coordinatorId, ...keyColumns(keys)]);
}
