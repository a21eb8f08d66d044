import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import { inTransaction } from './in-transaction.ts';
import type pg from 'pg';

/** Most workers taken in one pass, so that a pass stays short; the next pass takes more. */
const LIMIT = 100;

const REMOVE = /* sql */ `
  DELETE FROM workers WHERE id = ANY (ARRAY(
    SELECT id FROM workers WHERE lease_until < statement_timestamp() ORDER BY id LIMIT ${LIMIT} FOR UPDATE SKIP LOCKED
  )) RETURNING id
`;

const LOSE = loseAttemptsSql({
  from: /* sql */ `WHERE t.worker_id = ANY ($1::text[]) AND t.state = 'running'`,
});

export interface ReapedWorkers {
  readonly workerIds: readonly string[];
  readonly lost: readonly LostAttempt[];
}

/**
 * Unregisters workers whose lease ended and takes their running tasks back, in one transaction. A worker that comes
 * back later registers anew and is told that it owns nothing any more.
 */
export function reapWorkers(pool: pg.Pool): Promise<ReapedWorkers> {
  return inTransaction(pool, async (client) => {
    const removed = await client.query<{ id: string }>(REMOVE);
    const workerIds = removed.rows.map((row) => row.id);
    if (workerIds.length === 0) return { workerIds, lost: [] };
    const { rows } = await client.query<LostRow>(LOSE, [workerIds]);
    return { workerIds, lost: rows.map(toLostAttempt) };
  });
}
