import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

/*
 * A start can be committed a moment after its worker was reaped, and a claim a moment after its coordinator was. Then
 * the owner has no row whose lease could end. Or a start is committed after its worker has registered with another
 * coordinator and did not name it: all that it named is owned by that one.
 */
const SQL = loseAttemptsSql({
  from: /* sql */ `
    WHERE (t.state = 'running'
        AND NOT EXISTS (SELECT FROM workers w WHERE w.id = t.worker_id AND w.coordinator_id = t.coordinator_id))
      OR (t.state = 'picked' AND NOT EXISTS (SELECT FROM coordinators c WHERE c.id = t.coordinator_id))`,
  // Nothing is dispatched before its instant.
  sent: `t.state = 'running' OR t.due_at <= statement_timestamp()`,
});

/** Takes back what is owned by a worker or coordinator that does not exist. Returns what may have been running. */
export async function loseOrphans(db: Queryable): Promise<LostAttempt[]> {
  const { rows } = await db.query<LostRow>(SQL);
  return rows.map(toLostAttempt);
}
