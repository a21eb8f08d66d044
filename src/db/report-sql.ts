import type { OutputPiece } from '../domain/output.ts';
import type { AttemptResult, TaskState } from '../domain/task-state.ts';
import type { Usage } from '../domain/usage.ts';
import { keyColumns, type AttemptKey } from './attempt-key.ts';

/** What a worker reports of an attempt that ended. */
export interface FinishedAttempt extends AttemptKey {
  readonly workerId: string;
  /** Microseconds ago; `null`: it never started. */
  readonly startedAgeUs: number | null;
  /** Microseconds ago. */
  readonly endedAgeUs: number;
  /** Reason `worker_lost`: the worker hands the attempt back. */
  readonly result: AttemptResult;
  /** What was written and is not stored yet. */
  readonly output: readonly OutputPiece[];
  readonly usage: Usage;
}

/** A report that was recorded, and what the task is now; `scheduled`: it waits for its next attempt. */
export interface RecordedEnd extends AttemptKey {
  readonly state: TaskState;
}

/*
 * Statements that record reports take them as `$2` to `$19` ({@link reportColumns}), and the coordinator as `$1`.
 * `r` is a report, `t` the task.
 */

/** The body of a CTE: the reports, with further columns from `$20` on, given as `name type`. */
export function reportSql(...further: readonly string[]): string {
  const columns = further.map((column) => column.split(' '));
  const names = columns.map(([name]) => `, ${name}`).join('');
  const values = columns.map(([, type], index) => `, $${20 + index}::${type}[]`).join('');
  return /* sql */ `
    SELECT id, attempt, worker_id, reason::attempt_reason, exit_code, signal, error, cpu_ms, peak_memory_bytes,
      statement_timestamp() - started_age_us * interval '1 microsecond' AS started_at,
      statement_timestamp() - ended_age_us * interval '1 microsecond' AS ended_at${names}
    FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::float8[],
      $10::float8[], $11::int8[], $12::int8[]${values}) AS r (id, attempt, worker_id, reason, exit_code, signal, error,
      started_age_us, ended_age_us, cpu_ms, peak_memory_bytes${names})`;
}

/** Its attempt is the task's current one, and nobody else's. */
export const CURRENT = /* sql */ `
  t.id = r.id AND t.attempt = r.attempt AND t.state IN ('picked', 'running')
  AND (t.worker_id IS NULL OR t.worker_id = r.worker_id)`;

/** When the attempt started. greatest() passes over NULL, and what never started has no start. */
export const STARTED_AT = /* sql */ `coalesce(t.started_at,
  CASE WHEN r.started_at IS NOT NULL THEN greatest(t.picked_at, r.started_at) END)`;

export const ENDED_AT = `greatest(t.started_at, t.picked_at, r.ended_at)`;

/** A CTE: stores the output of the attempts in `changed`. What is there already is the same, sent a second time. */
export const KEEP_OUTPUT = /* sql */ `
  kept AS (
    INSERT INTO output_chunks (task_id, attempt, start_at, data, segments, stdout_end, stderr_end)
    SELECT id, attempt, start_at, data, segments::int[], stdout_end, stderr_end
    FROM unnest($13::uuid[], $14::int[], $15::int8[], $16::bytea[], $17::text[], $18::int8[], $19::int8[])
      AS o (id, attempt, start_at, data, segments, stdout_end, stderr_end)
    JOIN changed USING (id, attempt)
    ON CONFLICT DO NOTHING
  )`;

/** The values for `$2` to `$19`. */
export function reportColumns(reports: readonly FinishedAttempt[]): unknown[] {
  const pieces = reports.flatMap(({ attempt, output, taskId }) =>
    output.map((piece) => ({ attempt, taskId, ...piece })),
  );
  return [
    ...keyColumns(reports),
    reports.map((r) => r.workerId),
    reports.map((r) => r.result.reason),
    reports.map((r) => r.result.exitCode),
    reports.map((r) => r.result.signal),
    reports.map((r) => r.result.error),
    reports.map((r) => r.startedAgeUs),
    reports.map((r) => r.endedAgeUs),
    reports.map((r) => r.usage.cpuMs),
    reports.map((r) => r.usage.peakMemoryBytes),
    ...keyColumns(pieces),
    pieces.map((p) => p.start),
    pieces.map((p) => p.data),
    pieces.map((p) => intArray(p.segments)),
    pieces.map((p) => p.stdoutEnd),
    pieces.map((p) => p.stderrEnd),
  ];
}

/** As text that PostgreSQL casts to `int[]`: arrays in one parameter cannot have different lengths. */
export function intArray(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`;
}

export interface RecordedRow {
  id: string;
  attempt: number;
  state: TaskState;
}

export function toRecordedEnd(row: RecordedRow): RecordedEnd {
  return { taskId: row.id, attempt: row.attempt, state: row.state };
}
