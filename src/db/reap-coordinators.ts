import { leaseEndedSql } from './lease-ended.ts';
import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

/*
 * A claimed task may have been sent to a worker, which only its coordinator knew. So the claims of a coordinator are
 * taken back only when none of the workers that were last connected to it is alive: each of them has by then either
 * registered elsewhere, where it named what it runs, or lost its lease and killed what it ran.
 *
 * Removing the row and taking the claims is one statement: a coordinator that renews at the same moment waits for the
 * row, finds it gone, and learns that its claims are not its own any more.
 */
const SQL = loseAttemptsSql({
  ctes: /* sql */ `
    gone AS MATERIALIZED (
      SELECT c.id, c.lease_until FROM coordinators c
      WHERE ${leaseEndedSql('c.lease_until', '$2')} AND c.id <> $1
        AND NOT EXISTS (
          SELECT FROM workers w WHERE w.coordinator_id = c.id AND NOT ${leaseEndedSql('w.lease_until', '$2')})
      ORDER BY c.id FOR UPDATE SKIP LOCKED
    ), removed AS (
      DELETE FROM coordinators c USING gone WHERE c.id = gone.id
    ),`,
  from: /* sql */ `JOIN gone ON t.coordinator_id = gone.id WHERE t.state = 'picked'`,
  // Nothing is dispatched before its instant or without a lease.
  sent: 't.due_at <= gone.lease_until',
});

/**
 * Removes coordinators whose lease had ended at the instant `beforeMs`, by PostgreSQL's clock, and takes back what they
 * had claimed. Returns what may have been running.
 */
export async function reapCoordinators(db: Queryable, selfId: string, beforeMs: number): Promise<LostAttempt[]> {
  const { rows } = await db.query<LostRow>(SQL, [selfId, beforeMs]);
  return rows.map(toLostAttempt);
}
