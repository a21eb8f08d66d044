import { CANCELLED_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export type CancelOutcome =
  /** It is cancelled now, by this call or by one before. */
  | { readonly kind: 'cancelled'; readonly task: TaskRow }
  /** It runs or has ended otherwise; nothing was changed. */
  | { readonly kind: 'too_late'; readonly task: TaskRow }
  | { readonly kind: 'unknown' };

// The lock makes the state that is looked at the state that is changed: a claim or a start waits, or is waited for.
const SQL = /* sql */ `
  WITH found AS (
    SELECT * FROM tasks WHERE id = $1 FOR UPDATE
  ), changed AS (
    UPDATE tasks SET state = 'cancelled', cancelled_at = statement_timestamp(), reason = 'cancelled'
    FROM found
    WHERE tasks.id = found.id AND found.state IN ('scheduled', 'picked')
    RETURNING tasks.*
  ), told AS (
    -- Whoever claimed it is told to drop it.
    SELECT count(pg_notify('${CANCELLED_CHANNEL}', id::text)) AS owners FROM found WHERE state = 'picked'
  )
  SELECT ${TASK_COLUMNS}
  FROM (SELECT * FROM changed UNION ALL SELECT * FROM found WHERE state NOT IN ('scheduled', 'picked')) t, told
`;

/** Cancels a task that has not started. A claimed one is cancelled at once; its owner is told to drop it. */
export async function cancelTask(db: Queryable, id: string): Promise<CancelOutcome> {
  const { rows } = await db.query<TaskRow>(SQL, [id]);
  const task = rows[0];
  if (task === undefined) return { kind: 'unknown' };
  return { kind: task.state === 'cancelled' ? 'cancelled' : 'too_late', task };
}
