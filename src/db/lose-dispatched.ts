import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

const SQL = loseAttemptsSql({
  from: /* sql */ `
    JOIN unnest($2::uuid[], $3::int[]) AS sent (id, attempt) ON t.id = sent.id AND t.attempt = sent.attempt
    WHERE t.state = 'picked' AND t.coordinator_id = $1`,
});

/**
 * Takes back attempts that this coordinator sent to a worker whose lease then ended before it reported them as
 * started. They may have run, so they count as lost.
 */
export async function loseDispatched(
  db: Queryable,
  coordinatorId: string,
  keys: readonly AttemptKey[],
): Promise<LostAttempt[]> {
  const { rows } = await db.query<LostRow>(SQL, [coordinatorId, ...keyColumns(keys)]);
  return rows.map(toLostAttempt);
}
