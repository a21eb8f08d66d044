import { keyColumns, type AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  SELECT t.id, t.attempt FROM tasks t
  JOIN unnest($2::uuid[], $3::int[]) AS claim (id, attempt) ON t.id = claim.id AND t.attempt = claim.attempt
  WHERE t.state = 'picked' AND t.coordinator_id = $1
`;

/** Of the claims a coordinator holds, those that are still its own: not cancelled, not reaped. */
export async function confirmClaims(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<AttemptKey[]> {
  const { rows } = await db.query<{ id: string; attempt: number }>(SQL, [coordinatorId, ...keyColumns(keys)]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}
