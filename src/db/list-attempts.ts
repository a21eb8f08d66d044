import type { Reason } from '../domain/task-state.ts';
import type { Queryable } from './pool.ts';

/** An attempt of a task. Instants are cut to milliseconds. */
export interface AttemptRow {
  readonly attempt: number;
  readonly workerId: string | null;
  readonly pickedAt: Date;
  readonly startedAt: Date | null;
  /** `null`: it has not ended. */
  readonly endedAt: Date | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: Reason | null;
  readonly error: string | null;
  readonly cpuMs: number | null;
  readonly peakMemoryBytes: number | null;
}

// Without attempts: one row of nothing, so that a task can be told from none.
const SQL = /* sql */ `
  SELECT a.attempt, a.worker_id AS "workerId", a.picked_at AS "pickedAt", a.started_at AS "startedAt",
    a.ended_at AS "endedAt", a.exit_code AS "exitCode", a.signal, a.reason, a.error, a.cpu_ms::float8 AS "cpuMs",
    a.peak_memory_bytes::float8 AS "peakMemoryBytes"
  FROM tasks t LEFT JOIN LATERAL (
    SELECT p.attempt, p.worker_id, p.picked_at, p.started_at, p.ended_at, p.exit_code, p.signal, p.reason, p.error,
      p.cpu_ms, p.peak_memory_bytes
    FROM past_attempts p WHERE p.task_id = t.id
    UNION ALL
    SELECT t.attempt, t.worker_id, t.picked_at, t.started_at,
      coalesce(t.completed_at, t.failed_at, t.cancelled_at, t.expired_at), t.exit_code, t.signal, t.reason, t.error,
      t.cpu_ms, t.peak_memory_bytes
    WHERE t.picked_at IS NOT NULL
  ) a ON true
  WHERE t.id = $1
  ORDER BY a.attempt
`;

/** Every attempt of a task, the oldest first; `null` when there is no such task. */
export async function listAttempts(db: Queryable, taskId: string): Promise<AttemptRow[] | null> {
  const { rows } = await db.query<AttemptRow | { attempt: null }>(SQL, [taskId]);
  if (rows.length === 0) return null;
  return rows.filter((row): row is AttemptRow => row.attempt !== null);
}
