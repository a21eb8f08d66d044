import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

/*
 * A start can be committed a moment after its worker was reaped, and a claim a moment after its coordinator was. Then
 * the owner has no row whose lease could end. Or a start is committed after its worker has registered with another
 * coordinator and did not name it: all that it named is owned by that one.
 *
 * While this waits for the lock of a task, its owner may come back, or somebody else become it, whose row this does not
 * see. So only what is still the same attempt of the same coordinator is taken once it is locked.
 */
const SQL = loseAttemptsSql({
  ctes: /* sql */ `
    orphan AS MATERIALIZED (
      SELECT o.id, o.attempt, o.coordinator_id FROM tasks o
      WHERE o.state IN ('picked', 'running') AND CASE o.state
        WHEN 'running' THEN
          NOT EXISTS (SELECT FROM workers w WHERE w.id = o.worker_id AND w.coordinator_id = o.coordinator_id)
        ELSE NOT EXISTS (SELECT FROM coordinators c WHERE c.id = o.coordinator_id) END
    ),`,
  from: /* sql */ `
    JOIN orphan USING (id, attempt, coordinator_id)
    WHERE t.state IN ('picked', 'running')`,
  // Nothing is dispatched before its instant.
  sent: `t.state = 'running' OR t.due_at <= statement_timestamp()`,
});

/** Takes back what is owned by a worker or coordinator that does not exist. Returns what may have been running. */
export async function loseOrphans(db: Queryable): Promise<LostAttempt[]> {
  const { rows } = await db.query<LostRow>(SQL);
  return rows.map(toLostAttempt);
}
