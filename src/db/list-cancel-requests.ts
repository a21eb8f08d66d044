import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

/** An attempt that somebody asked to cancel. */
export interface CancelRequest extends AttemptKey {
  readonly state: 'picked' | 'running';
}

const SQL = /* sql */ `
  SELECT id AS "taskId", attempt, state FROM tasks
  WHERE coordinator_id = $1 AND cancel_requested_at IS NOT NULL AND state IN ('picked', 'running')
`;

/** What a coordinator owns and is to stop. Costs what there is of it. */
export async function listCancelRequests(db: Queryable, coordinatorId: string): Promise<CancelRequest[]> {
  const { rows } = await db.query<CancelRequest>(SQL, [coordinatorId]);
  return rows;
}
