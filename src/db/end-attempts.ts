import type { Queryable } from './pool.ts';
import {
  CURRENT,
  ENDED_AT,
  KEEP_OUTPUT,
  reportColumns,
  reportSql,
  STARTED_AT,
  toRecordedEnd,
  type FinishedAttempt,
  type RecordedEnd,
  type RecordedRow,
} from './report-sql.ts';

/** A report, and how it ends its task. */
export interface Ending extends FinishedAttempt {
  readonly state: 'completed' | 'failed';
  /** Decided by the task's own policy, or whatever that says; otherwise: as for a task without one. */
  readonly final: boolean;
}

const SQL = /* sql */ `
  WITH report AS (
    ${reportSql('state text', 'final boolean')}
  ), found AS MATERIALIZED (
    SELECT t.id, r.worker_id, r.exit_code, r.signal, r.error, r.cpu_ms, r.peak_memory_bytes, r.reason,
      ${STARTED_AT} AS started_at, ${ENDED_AT} AS ended_at,
      CASE WHEN t.cancel_requested_at IS NOT NULL OR r.reason = 'cancelled' THEN 'cancelled' ELSE r.state END AS state
    FROM tasks t JOIN report r ON ${CURRENT}
    WHERE r.final OR t.retry IS NULL OR t.cancel_requested_at IS NOT NULL
      OR (r.state = 'completed' AND NOT t.retry ? 'success_exit_codes')
    ORDER BY t.id FOR NO KEY UPDATE OF t
  ), changed AS (
    UPDATE tasks t SET
      state = r.state::task_state, started_at = r.started_at,
      completed_at = CASE r.state WHEN 'completed' THEN r.ended_at END,
      failed_at = CASE r.state WHEN 'failed' THEN r.ended_at END,
      cancelled_at = CASE r.state WHEN 'cancelled' THEN r.ended_at END,
      worker_id = r.worker_id, coordinator_id = $1, exit_code = r.exit_code, signal = r.signal,
      reason = CASE r.state WHEN 'cancelled' THEN 'cancelled' ELSE r.reason END, error = r.error,
      cpu_ms = r.cpu_ms, peak_memory_bytes = r.peak_memory_bytes
    FROM found r WHERE t.id = r.id
    RETURNING t.id, t.attempt, t.state
  ), ${KEEP_OUTPUT}
  SELECT id, attempt, state FROM changed
`;

/**
 * Ends tasks, in one statement, output included. Those that somebody asked to cancel end as cancelled whatever their
 * command did. Returns what was recorded; the others are superseded, or their own policy has to be asked first.
 */
export async function endAttempts(
  db: Queryable,
  coordinatorId: string,
  endings: readonly Ending[],
): Promise<RecordedEnd[]> {
  if (endings.length === 0) return [];
  const { rows } = await db.query<RecordedRow>({
    name: 'end-attempts',
    text: SQL,
    values: [coordinatorId, ...reportColumns(endings), endings.map((e) => e.state), endings.map((e) => e.final)],
  });
  return rows.map(toRecordedEnd);
}
