import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

const SQL = loseAttemptsSql({
  from: /* sql */ `
    JOIN unnest($1::uuid[], $2::int[], $3::uuid[]) AS run (id, attempt, session_id)
      ON t.id = run.id AND t.attempt = run.attempt
    JOIN workers w ON w.id = t.worker_id AND w.session_id = run.session_id
    WHERE t.state = 'running'`,
});

/** Takes back attempts that should run in a session and are not known to it, if it is still its worker's newest. */
export async function loseRuns(
  db: Queryable,
  runs: readonly (AttemptKey & { readonly sessionId: string })[],
): Promise<LostAttempt[]> {
  if (runs.length === 0) return [];
  const { rows } = await db.query<LostRow>(SQL, [...keyColumns(runs), runs.map(({ sessionId }) => sessionId)]);
  return rows.map(toLostAttempt);
}
