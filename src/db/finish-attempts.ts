import type { AttemptResult, EndState } from '../domain/task-state.ts';
import { keyColumns, type AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

export interface FinishedAttempt extends AttemptKey {
  readonly workerId: string;
  /** Microseconds ago; `null`: it never started. */
  readonly startedAgeUs: number | null;
  /** Microseconds ago. */
  readonly endedAgeUs: number;
  readonly result: AttemptResult;
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
}

export interface KeptOutput {
  readonly head: Buffer;
  readonly totalBytes: number;
}

export interface RecordedEnd extends AttemptKey {
  readonly state: EndState;
}

const SQL = /* sql */ `
  WITH report AS (
    SELECT id, attempt, worker_id, reason::attempt_reason, exit_code, signal, error,
      statement_timestamp() - started_age_us * interval '1 microsecond' AS started_at,
      statement_timestamp() - ended_age_us * interval '1 microsecond' AS ended_at,
      (reason = 'exited' AND exit_code = 0) AS success
    FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::float8[],
      $10::float8[]) AS r (id, attempt, worker_id, reason, exit_code, signal, error, started_age_us, ended_age_us)
  ), ended AS (
    UPDATE tasks t SET
      state = CASE WHEN r.success THEN 'completed' ELSE 'failed' END::task_state,
      -- greatest() passes over NULL, and what never started has no start.
      started_at = coalesce(t.started_at,
        CASE WHEN r.started_at IS NOT NULL THEN greatest(t.picked_at, r.started_at) END),
      completed_at = CASE WHEN r.success THEN greatest(t.started_at, t.picked_at, r.ended_at) END,
      failed_at = CASE WHEN NOT r.success THEN greatest(t.started_at, t.picked_at, r.ended_at) END,
      worker_id = r.worker_id, coordinator_id = $1,
      exit_code = r.exit_code, signal = r.signal, reason = r.reason, error = r.error
    FROM report r
    WHERE t.id = r.id AND t.attempt = r.attempt AND t.state IN ('picked', 'running')
      AND (t.worker_id IS NULL OR t.worker_id = r.worker_id)
    RETURNING t.id, t.attempt, t.state
  ), kept AS (
    INSERT INTO outputs (task_id, attempt, stdout, stderr, stdout_bytes, stderr_bytes)
    SELECT id, attempt, stdout, stderr, stdout_bytes, stderr_bytes
    FROM unnest($11::uuid[], $12::int[], $13::bytea[], $14::bytea[], $15::int8[], $16::int8[])
      AS o (id, attempt, stdout, stderr, stdout_bytes, stderr_bytes)
    JOIN ended USING (id, attempt)
  )
  SELECT id, attempt, state FROM ended
`;

/**
 * Records results and what was written, in one statement. Returns the attempts that were current; the others are
 * superseded or were recorded before, and nothing of them is stored.
 */
export async function finishAttempts(
  db: Queryable,
  coordinatorId: string,
  reports: readonly FinishedAttempt[],
): Promise<RecordedEnd[]> {
  if (reports.length === 0) return [];
  const outputs = reports.filter((r) => r.stdout.totalBytes > 0 || r.stderr.totalBytes > 0);
  const { rows } = await db.query<{ id: string; attempt: number; state: EndState }>({
    name: 'finish-attempts',
    text: SQL,
    values: [
      coordinatorId,
      ...keyColumns(reports),
      reports.map((r) => r.workerId),
      reports.map((r) => r.result.reason),
      reports.map((r) => r.result.exitCode),
      reports.map((r) => r.result.signal),
      reports.map((r) => r.result.error),
      reports.map((r) => r.startedAgeUs),
      reports.map((r) => r.endedAgeUs),
      ...keyColumns(outputs),
      outputs.map((r) => r.stdout.head),
      outputs.map((r) => r.stderr.head),
      outputs.map((r) => r.stdout.totalBytes),
      outputs.map((r) => r.stderr.totalBytes),
    ],
  });
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt, state: row.state }));
}
