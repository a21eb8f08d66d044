import type { Labels } from '../domain/lane.ts';
import type { Reason, TaskState } from '../domain/task-state.ts';

/** A task as the statements in this folder return it. Instants are cut to milliseconds. */
export interface TaskRow {
  readonly id: string;
  readonly state: TaskState;
  readonly queue: string;
  readonly labels: Labels;
  readonly priority: number;
  readonly command: string;
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
  readonly attempt: number;
  readonly lostAttempts: number;
  readonly workerId: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: Reason | null;
  readonly error: string | null;
}

/** The columns of {@link TaskRow}, of a table or subquery called `t`. */
export const TASK_COLUMNS = /* sql */ `
  t.id, t.state, t.queue, t.labels, t.priority, t.command, t.idempotency_key AS "idempotencyKey",
  t.created_at AS "createdAt", t.scheduled_at AS "scheduledAt", t.due_at AS "dueAt", t.picked_at AS "pickedAt",
  t.started_at AS "startedAt", t.completed_at AS "completedAt", t.failed_at AS "failedAt",
  t.cancelled_at AS "cancelledAt", t.expired_at AS "expiredAt", t.attempt, t.lost_attempts AS "lostAttempts",
  t.worker_id AS "workerId", t.exit_code AS "exitCode", t.signal, t.reason, t.error`;
