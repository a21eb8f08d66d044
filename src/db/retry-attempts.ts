import type { Verdict } from '../domain/retry-policy.ts';
import { DUE_CHANNEL, WAKE_HORIZON_MS } from './channels.ts';
import { giveUpAtSql, outOfTimeErrorSql } from './out-of-time.ts';
import type { Queryable } from './pool.ts';
import {
  CURRENT,
  ENDED_AT,
  intArray,
  KEEP_OUTPUT,
  reportColumns,
  reportSql,
  STARTED_AT,
  toRecordedEnd,
  type FinishedAttempt,
  type RecordedEnd,
  type RecordedRow,
} from './report-sql.ts';

/** A report whose task gets another attempt. */
export interface Retry extends FinishedAttempt {
  readonly verdict: Extract<Verdict, { kind: 'retry' }>;
}

const SQL = /* sql */ `
  WITH report AS (
    ${reportSql('delay_ms float8', 'counts text')}
  ), found AS MATERIALIZED (
    SELECT t.id, t.attempt, t.picked_at, t.start_deadline, t.total_timeout_ms, r.worker_id, r.reason, r.exit_code,
      r.signal, r.error, r.cpu_ms, r.peak_memory_bytes, r.counts::int[],
      statement_timestamp() + r.delay_ms * interval '1 ms' AS due_at,
      ${STARTED_AT} AS started_at, ${ENDED_AT} AS ended_at,
      coalesce(t.first_started_at, ${STARTED_AT}) AS first_started_at
    FROM tasks t JOIN report r ON ${CURRENT}
    WHERE t.cancel_requested_at IS NULL
    ORDER BY t.id FOR NO KEY UPDATE OF t
  ), archived AS (
    INSERT INTO past_attempts (task_id, attempt, coordinator_id, worker_id, picked_at, started_at, ended_at, exit_code,
      signal, reason, error, cpu_ms, peak_memory_bytes)
    SELECT id, attempt, $1, worker_id, picked_at, started_at, ended_at, exit_code,
      signal, reason, error, cpu_ms, peak_memory_bytes
    FROM found
  ), bounded AS (
    SELECT *, ${giveUpAtSql('first_started_at', 'found')} AS give_up_at FROM found
  ), retried AS (
    SELECT *, CASE WHEN give_up_at IS NULL OR due_at <= give_up_at THEN 'scheduled'
      WHEN first_started_at IS NULL THEN 'expired' ELSE 'failed' END AS state
    FROM bounded
  ), changed AS (
    UPDATE tasks t SET
      state = r.state::task_state, retry_counts = r.counts,
      due_at = CASE r.state WHEN 'scheduled' THEN greatest(t.scheduled_at, r.due_at) ELSE t.due_at END,
      expired_at = CASE r.state WHEN 'expired' THEN statement_timestamp() END,
      failed_at = CASE r.state WHEN 'failed' THEN statement_timestamp() END,
      reason = CASE r.state WHEN 'failed' THEN 'timed_out' END::attempt_reason,
      error = CASE r.state WHEN 'failed' THEN ${outOfTimeErrorSql('r')} END,
      first_started_at = r.first_started_at, give_up_at = r.give_up_at,
      coordinator_id = NULL, worker_id = NULL, picked_at = NULL, started_at = NULL
    FROM retried r WHERE t.id = r.id
    RETURNING t.id, t.attempt, t.state, t.due_at
  ), ${KEEP_OUTPUT}, woken AS (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM changed
    WHERE state = 'scheduled' AND due_at <= statement_timestamp() + ${WAKE_HORIZON_MS} * interval '1 ms' LIMIT 1
  )
  SELECT id, attempt, state FROM changed WHERE (SELECT count(*) FROM woken) >= 0
`;

/**
 * Puts tasks back for another attempt and keeps the facts of this one, in one statement. A task that would be due later
 * than it may wait ends now. Returns what was recorded; the others are superseded, or somebody asked to cancel them.
 */
export async function retryAttempts(
  db: Queryable,
  coordinatorId: string,
  retries: readonly Retry[],
): Promise<RecordedEnd[]> {
  if (retries.length === 0) return [];
  const { rows } = await db.query<RecordedRow>({
    name: 'retry-attempts',
    text: SQL,
    values: [
      coordinatorId,
      ...reportColumns(retries),
      retries.map((r) => r.verdict.delayMs),
      retries.map((r) => intArray(r.verdict.counts)),
    ],
  });
  return rows.map(toRecordedEnd);
}
