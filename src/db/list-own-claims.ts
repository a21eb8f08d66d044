import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

export interface OwnClaim extends AttemptKey {
  /** Milliseconds since the epoch, with a fraction; by PostgreSQL's clock. It moves when somebody hastens the task. */
  readonly dueAtMs: number;
}

const SQL = /* sql */ `
  SELECT id, attempt, extract(epoch FROM due_at)::float8 * 1000 AS due_at_ms
  FROM tasks WHERE state = 'picked' AND coordinator_id = $1
`;

/** All that PostgreSQL knows as claimed by a coordinator and not started. */
export async function listOwnClaims(db: Queryable, coordinatorId: string): Promise<OwnClaim[]> {
  const { rows } = await db.query<{ id: string; attempt: number; due_at_ms: number }>(SQL, [coordinatorId]);
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt, dueAtMs: row.due_at_ms }));
}
