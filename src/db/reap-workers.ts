import { leaseEndedSql } from './lease-ended.ts';
import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';

/** Most workers taken in one pass, so that a pass stays short; the next pass takes more. */
const LIMIT = 100;

/*
 * One statement, so that a coordinator that is cut off in the middle of it holds no locks that registrations and
 * renewals would wait for. A start that is recorded meanwhile it does not see; loseOrphans does.
 */
const SQL = loseAttemptsSql({
  ctes: /* sql */ `
    gone AS MATERIALIZED (
      SELECT w.id AS worker FROM workers w WHERE ${leaseEndedSql('w.lease_until', '$1')}
      ORDER BY w.id LIMIT ${LIMIT} FOR UPDATE SKIP LOCKED
    ), removed AS (
      DELETE FROM workers w USING gone WHERE w.id = gone.worker
    ),`,
  from: /* sql */ `JOIN gone ON t.worker_id = gone.worker WHERE t.state = 'running'`,
  answer: /* sql */ `SELECT gone.worker, c.* FROM gone LEFT JOIN changed c ON c.worker_id = gone.worker WHERE true`,
});

type Row = { worker: string } & (LostRow | { id: null });

export interface ReapedWorkers {
  readonly workerIds: readonly string[];
  readonly lost: readonly LostAttempt[];
}

/**
 * Unregisters workers whose lease had ended at the instant `beforeMs`, by PostgreSQL's clock, and takes their running
 * tasks back. A worker that comes back later registers anew and is told that it owns nothing any more.
 */
export async function reapWorkers(db: Queryable, beforeMs: number): Promise<ReapedWorkers> {
  const { rows } = await db.query<Row>(SQL, [beforeMs]);
  return {
    workerIds: [...new Set(rows.map((row) => row.worker))],
    lost: rows.flatMap((row) => (row.id === null ? [] : toLostAttempt(row))),
  };
}
