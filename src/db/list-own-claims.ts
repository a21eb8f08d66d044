import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `SELECT id, attempt FROM tasks WHERE state = 'picked' AND coordinator_id = $1`;

/** All that PostgreSQL knows as claimed by a coordinator and not started. */
export async function listOwnClaims(db: Queryable, coordinatorId: string): Promise<AttemptKey[]> {
  const { rows } = await db.query<{ id: string; attempt: number }>(SQL, [coordinatorId]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}
