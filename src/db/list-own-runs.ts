import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

/** An attempt that a worker runs, as PostgreSQL knows it. */
export interface OwnRun extends AttemptKey {
  readonly workerId: string;
}

const SQL = /* sql */ `
  SELECT id AS "taskId", attempt, worker_id AS "workerId" FROM tasks WHERE state = 'running' AND coordinator_id = $1
`;

/** All that PostgreSQL knows as running with workers of a coordinator. */
export async function listOwnRuns(db: Queryable, coordinatorId: string): Promise<OwnRun[]> {
  const { rows } = await db.query<OwnRun>(SQL, [coordinatorId]);
  return rows;
}
