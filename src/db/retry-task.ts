import { DUE_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export type RetryOutcome =
  /** It had ended, and waits for another attempt, due now. */
  | { readonly kind: 'scheduled'; readonly task: TaskRow }
  /** Nothing was changed. */
  | { readonly kind: 'not_ended'; readonly task: TaskRow }
  | { readonly kind: 'unknown' };

const SQL = /* sql */ `
  WITH found AS (
    SELECT * FROM tasks WHERE id = $1 FOR NO KEY UPDATE
  ), ended AS (
    SELECT * FROM found WHERE state IN ('completed', 'failed', 'cancelled', 'expired')
  ), archived AS (
    INSERT INTO past_attempts (task_id, attempt, coordinator_id, worker_id, picked_at, started_at, ended_at, exit_code,
      signal, reason, error, cpu_ms, peak_memory_bytes)
    SELECT id, attempt, coordinator_id, worker_id, picked_at, started_at,
      coalesce(completed_at, failed_at, cancelled_at, expired_at), exit_code, signal, reason, error, cpu_ms,
      peak_memory_bytes
    FROM ended WHERE picked_at IS NOT NULL
  ), changed AS (
    UPDATE tasks t SET
      state = 'scheduled', scheduled_at = least(t.scheduled_at, statement_timestamp()), due_at = statement_timestamp(),
      coordinator_id = NULL, worker_id = NULL, picked_at = NULL, started_at = NULL, completed_at = NULL,
      failed_at = NULL, cancelled_at = NULL, expired_at = NULL, exit_code = NULL, signal = NULL, reason = NULL,
      error = NULL, cpu_ms = NULL, peak_memory_bytes = NULL, retry_counts = '{}', lost_attempts = 0,
      cancel_requested_at = NULL, start_deadline = NULL, first_started_at = NULL, give_up_at = NULL
    FROM ended WHERE t.id = ended.id
    RETURNING t.*
  ), woken AS (
    SELECT count(pg_notify('${DUE_CHANNEL}', '')) AS tasks FROM changed
  )
  SELECT woken.tasks::int AS changed, ${TASK_COLUMNS}
  FROM (SELECT * FROM changed UNION ALL SELECT * FROM found WHERE NOT EXISTS (SELECT FROM changed)) t, woken
`;

/**
 * Runs a task again that has ended, whatever its end was: as a new task that is due now and has no start deadline, with
 * its attempts counted on and those so far kept.
 */
export async function retryTask(db: Queryable, id: string): Promise<RetryOutcome> {
  const { rows } = await db.query<TaskRow & { changed: number }>(SQL, [id]);
  if (rows[0] === undefined) return { kind: 'unknown' };
  const { changed, ...task } = rows[0];
  return { kind: changed > 0 ? 'scheduled' : 'not_ended', task };
}
