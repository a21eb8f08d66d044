import type { Labels } from '../domain/lane.ts';
import type { RetryPolicy } from '../domain/retry-policy.ts';
import type { OnWorkerLost } from '../domain/run-options.ts';
import type { Reason, TaskState } from '../domain/task-state.ts';

/** A task as the statements in this folder return it. Instants are cut to milliseconds. */
export interface TaskRow {
  readonly id: string;
  readonly state: TaskState;
  readonly queue: string;
  readonly labels: Labels;
  readonly priority: number;
  /** Exactly one of this and `argv` is given. */
  readonly command: string | null;
  readonly argv: readonly string[] | null;
  readonly idempotencyKey: string | null;
  readonly createdAt: Date;
  readonly scheduledAt: Date;
  readonly dueAt: Date;
  readonly pickedAt: Date | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly failedAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly expiredAt: Date | null;
  readonly startDeadline: Date | null;
  readonly totalTimeoutMs: number | null;
  readonly retry: RetryPolicy | null;
  readonly onWorkerLost: OnWorkerLost;
  readonly hasStdin: boolean;
  /** The names alone, sorted; the values are never shown. */
  readonly secretEnvNames: readonly string[];
  /** When somebody asked to cancel it after it was claimed. */
  readonly cancelRequestedAt: Date | null;
  readonly attempt: number;
  /** Attempts that followed a failure. */
  readonly retries: number;
  readonly lostAttempts: number;
  readonly workerId: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: Reason | null;
  readonly error: string | null;
  /** What all processes of the newest attempt took; `null`: not measured. */
  readonly cpuMs: number | null;
  readonly peakMemoryBytes: number | null;
}

/** The columns of {@link TaskRow}, of a table or subquery called `t`. */
export const TASK_COLUMNS = /* sql */ `
  t.id, t.state, t.queue, t.labels, t.priority, t.command, t.argv, t.idempotency_key AS "idempotencyKey",
  t.created_at AS "createdAt", t.scheduled_at AS "scheduledAt", t.due_at AS "dueAt", t.picked_at AS "pickedAt",
  t.started_at AS "startedAt", t.completed_at AS "completedAt", t.failed_at AS "failedAt",
  t.cancelled_at AS "cancelledAt", t.expired_at AS "expiredAt", t.start_deadline AS "startDeadline",
  t.total_timeout_ms::float8 AS "totalTimeoutMs", t.retry,
  CASE WHEN t.retry_lost THEN 'retry' ELSE 'fail' END AS "onWorkerLost", t.has_stdin AS "hasStdin",
  ARRAY(SELECT jsonb_object_keys(t.secret_env) ORDER BY 1) AS "secretEnvNames",
  t.cancel_requested_at AS "cancelRequestedAt", t.attempt, coalesce(t.retry_counts[1], 0) AS retries,
  t.lost_attempts AS "lostAttempts", t.worker_id AS "workerId", t.exit_code AS "exitCode", t.signal, t.reason, t.error,
  t.cpu_ms::float8 AS "cpuMs", t.peak_memory_bytes::float8 AS "peakMemoryBytes"`;
