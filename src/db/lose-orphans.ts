import { LOST_COLUMNS, loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

/*
 * A start can be committed a moment after its worker was reaped, and a claim a moment after its coordinator was. Then
 * the owner has no row whose lease could end.
 */
const SQL = loseAttemptsSql(
  '',
  /* sql */ `
    SELECT ${LOST_COLUMNS} FROM tasks t
    WHERE (t.state = 'running' AND NOT EXISTS (SELECT FROM workers w WHERE w.id = t.worker_id))
      OR (t.state = 'picked' AND NOT EXISTS (SELECT FROM coordinators c WHERE c.id = t.coordinator_id))
    ORDER BY t.id FOR UPDATE`,
);

/** Takes back what is owned by a worker or coordinator that does not exist. */
export async function loseOrphans(db: Queryable): Promise<LostAttempt[]> {
  const { rows } = await db.query<LostRow>(SQL);
  return rows.map(toLostAttempt);
}
