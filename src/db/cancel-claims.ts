import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { LET_GO, ownClaimsSql } from './own-claims.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  WITH claimed AS MATERIALIZED (
    ${ownClaimsSql('AND t.cancel_requested_at IS NOT NULL')}
  )
  UPDATE tasks t SET ${LET_GO} FROM claimed WHERE t.id = claimed.id
  RETURNING t.id, t.attempt
`;

/**
 * Ends claims that somebody asked to cancel and that are known not to have been sent to a worker. Returns those that
 * are cancelled now; the others are not owned any more, or nobody asked.
 */
export async function cancelClaims(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<AttemptKey[]> {
  const { rows } = await db.query<{ id: string; attempt: number }>(SQL, [coordinatorId, ...keyColumns(keys)]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}
