import { keyColumns, type AttemptKey } from './attempt-key.ts';
import type { GivenUpTask } from './expire-tasks.ts';
import { GIVE_UP } from './out-of-time.ts';
import { ownClaimsSql } from './own-claims.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  WITH claimed AS MATERIALIZED (
    ${ownClaimsSql('AND t.give_up_at <= statement_timestamp() AND t.cancel_requested_at IS NULL')}
  )
  UPDATE tasks t SET ${GIVE_UP} FROM claimed WHERE t.id = claimed.id
  RETURNING t.id AS "taskId", t.state
`;

/**
 * Ends claims that were not sent to a worker and have waited for longer than they may. Returns those that have ended
 * now; the others are not owned any more, have time left, or are to be cancelled.
 */
export async function expireClaims(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<GivenUpTask[]> {
  const { rows } = await db.query<GivenUpTask>(SQL, [coordinatorId, ...keyColumns(keys)]);
  return rows;
}
