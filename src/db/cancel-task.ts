import { isEnd } from '../domain/task-state.ts';
import { CANCELLED_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';
import { REQUEST_CANCEL } from './request-cancel.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export type CancelOutcome =
  /** It has ended as cancelled, by this call or before it. */
  | { readonly kind: 'cancelled'; readonly task: TaskRow }
  /** It is claimed or runs, and will end as cancelled; by this call or by one before. */
  | { readonly kind: 'cancelling'; readonly task: TaskRow }
  /** It has ended otherwise; nothing was changed. */
  | { readonly kind: 'too_late'; readonly task: TaskRow }
  | { readonly kind: 'unknown' };

// The lock makes the state that is looked at the state that is changed: a claim or an end waits, or is waited for.
const SQL = /* sql */ `
  WITH found AS (
    SELECT * FROM tasks WHERE id = $1 FOR NO KEY UPDATE
  ), changed AS (
    UPDATE tasks t SET ${REQUEST_CANCEL}
    FROM found
    WHERE t.id = found.id AND found.state IN ('scheduled', 'picked', 'running') AND found.cancel_requested_at IS NULL
    RETURNING t.*
  ), told AS (
    SELECT count(pg_notify('${CANCELLED_CHANNEL}', '')) AS owners FROM changed WHERE state <> 'cancelled'
  )
  SELECT ${TASK_COLUMNS}
  FROM (SELECT * FROM changed UNION ALL SELECT * FROM found WHERE NOT EXISTS (SELECT FROM changed)) t, told
`;

/** Cancels a task, whatever state it is in, unless it has ended. Asking again changes nothing. */
export async function cancelTask(db: Queryable, id: string): Promise<CancelOutcome> {
  const { rows } = await db.query<TaskRow>(SQL, [id]);
  const task = rows[0];
  if (task === undefined) return { kind: 'unknown' };
  if (task.state === 'cancelled') return { kind: 'cancelled', task };
  return { kind: isEnd(task.state) ? 'too_late' : 'cancelling', task };
}
