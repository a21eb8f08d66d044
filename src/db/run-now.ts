import { DUE_CHANNEL, HASTENED_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export type RunNowOutcome =
  /** It is due, now or before. */
  | { readonly kind: 'hastened'; readonly task: TaskRow }
  /** It runs, has ended, or is to be cancelled; nothing was changed. */
  | { readonly kind: 'too_late'; readonly task: TaskRow }
  | { readonly kind: 'unknown' };

// What is due keeps its time: it may have been dispatched, and only an instant that is yet to come says that it was not.
const SQL = /* sql */ `
  WITH found AS (
    SELECT * FROM tasks WHERE id = $1 FOR NO KEY UPDATE
  ), changed AS (
    UPDATE tasks t SET
      scheduled_at = least(t.scheduled_at, statement_timestamp()), due_at = least(t.due_at, statement_timestamp())
    FROM found
    WHERE t.id = found.id AND found.state IN ('scheduled', 'picked') AND found.cancel_requested_at IS NULL
    RETURNING t.*
  ), told AS (
    SELECT count(pg_notify(CASE state WHEN 'picked' THEN '${HASTENED_CHANNEL}' ELSE '${DUE_CHANNEL}' END,
      CASE state WHEN 'picked' THEN id::text ELSE '' END)) AS hastened
    FROM changed
  )
  SELECT told.hastened::int, ${TASK_COLUMNS}
  FROM (SELECT * FROM changed UNION ALL SELECT * FROM found WHERE NOT EXISTS (SELECT FROM changed)) t, told
`;

/** Makes a task that waits for its time, or for that of its retry, due now. */
export async function runNow(db: Queryable, id: string): Promise<RunNowOutcome> {
  const { rows } = await db.query<TaskRow & { hastened: number }>(SQL, [id]);
  if (rows[0] === undefined) return { kind: 'unknown' };
  const { hastened, ...task } = rows[0];
  return { kind: hastened > 0 ? 'hastened' : 'too_late', task };
}
