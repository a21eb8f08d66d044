import type { RunOptions } from '../domain/run-options.ts';
import type { Queryable } from './pool.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

/** What a task that is not running waits for: its time or that of its retry, a worker that may run it, or a free slot of one. */
export const WAITING_FOR = ['time', 'worker', 'slot'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

export interface TaskDetail extends TaskRow {
  readonly options: RunOptions;
  /** `null`: it waits for nothing, so it is about to start, runs, or has ended. */
  readonly waitingFor: WaitingFor | null;
}

const SQL = /* sql */ `
  SELECT ${TASK_COLUMNS}, t.options,
    CASE
      WHEN t.state NOT IN ('scheduled', 'picked') OR t.cancel_requested_at IS NOT NULL THEN NULL
      WHEN t.due_at > statement_timestamp() THEN 'time'
      ELSE (
        SELECT CASE WHEN count(*) = 0 THEN 'worker' WHEN bool_and(taken.slots >= w.slots) THEN 'slot' END
        FROM workers w
        CROSS JOIN LATERAL (
          SELECT count(*) AS slots FROM tasks o WHERE o.worker_id = w.id AND o.state IN ('picked', 'running')
        ) taken
        WHERE w.lease_until > statement_timestamp() AND NOT w.draining
          AND (t.queue = ANY (w.queues) OR '*' = ANY (w.queues)) AND w.labels @> t.labels
      )
    END AS "waitingFor"
  FROM tasks t
  WHERE t.id = $1
`;

/** One task, or `null` when there is none with this id. */
export async function getTask(db: Queryable, id: string): Promise<TaskDetail | null> {
  const { rows } = await db.query<TaskDetail>({ name: 'get-task', text: SQL, values: [id] });
  return rows[0] ?? null;
}
