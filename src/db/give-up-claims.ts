import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { DUE_CHANNEL } from './channels.ts';
import { LET_GO, ownClaimsSql } from './own-claims.ts';
import type { Queryable } from './pool.ts';
import { toRecordedEnd, type RecordedEnd, type RecordedRow } from './report-sql.ts';

const SQL = /* sql */ `
  WITH claimed AS MATERIALIZED (
    ${ownClaimsSql()}
  ), given_up AS (
    UPDATE tasks t SET ${LET_GO} FROM claimed WHERE t.id = claimed.id
    RETURNING t.id, t.attempt, t.state
  ), woken AS (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM given_up WHERE state = 'scheduled' LIMIT 1
  )
  SELECT id, attempt, state FROM given_up WHERE (SELECT count(*) FROM woken) >= 0
`;

/**
 * Gives claims back that were, or may have been, sent to a worker, and are known not to run; those that somebody asked
 * to cancel are cancelled. Unlike those that releaseClaims takes, their numbers are not used again: a statement or a
 * frame that is late must not match. Returns those that were still owned, and what their tasks are now.
 */
export async function giveUpClaims(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<RecordedEnd[]> {
  if (keys.length === 0) return [];
  const { rows } = await db.query<RecordedRow>(SQL, [coordinatorId, ...keyColumns(keys)]);
  return rows.map(toRecordedEnd);
}
