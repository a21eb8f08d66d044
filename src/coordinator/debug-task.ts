import type { AttemptRow } from '../db/list-attempts.ts';
import type { TaskRow } from '../db/task-row.ts';
import type { WorkerRow } from '../db/list-workers.ts';
import type { Usage } from '../domain/usage.ts';
import type { AttemptRecord } from '../rpc/generated/hydra/v1/AttemptRecord.ts';
import type { Task } from '../rpc/generated/hydra/v1/Task.ts';
import type { Worker } from '../rpc/generated/hydra/v1/Worker.ts';

/** Rows as the debugging service shows them. */

/** ISO 8601, as the API writes instants everywhere. */
export function formatInstant(instant: Date | null): string {
  return instant === null ? '' : instant.toISOString();
}

export function toWireTask(row: TaskRow): Task {
  return {
    id: row.id,
    command: row.command ?? '',
    argv: [...(row.argv ?? [])],
    state: row.state,
    queue: row.queue,
    priority: row.priority,
    labels: { ...row.labels },
    attempt: row.attempt,
    scheduled_at: formatInstant(row.scheduledAt),
    due_at: formatInstant(row.dueAt),
    created_at: formatInstant(row.createdAt),
    picked_at: formatInstant(row.pickedAt),
    started_at: formatInstant(row.startedAt),
    completed_at: formatInstant(row.completedAt),
    failed_at: formatInstant(row.failedAt),
    cancelled_at: formatInstant(row.cancelledAt),
    expired_at: formatInstant(row.expiredAt),
    worker_id: row.workerId ?? '',
    ...(row.exitCode === null ? {} : { exit_code: row.exitCode }),
    ...(row.signal === null ? {} : { signal: row.signal }),
    reason: row.reason ?? '',
    error: row.error ?? '',
    idempotency_key: row.idempotencyKey ?? '',
    cancel_requested_at: formatInstant(row.cancelRequestedAt),
    retries: row.retries,
    start_deadline: formatInstant(row.startDeadline),
    ...usage(row),
  };
}

export function toWireAttempt(row: AttemptRow): AttemptRecord {
  return {
    attempt: row.attempt,
    worker_id: row.workerId ?? '',
    picked_at: formatInstant(row.pickedAt),
    started_at: formatInstant(row.startedAt),
    ended_at: formatInstant(row.endedAt),
    ...(row.exitCode === null ? {} : { exit_code: row.exitCode }),
    ...(row.signal === null ? {} : { signal: row.signal }),
    reason: row.reason ?? '',
    error: row.error ?? '',
    ...usage(row),
  };
}

function usage({ cpuMs, peakMemoryBytes }: Usage): Pick<Task, 'cpu_ms' | 'peak_memory_bytes'> {
  return {
    ...(cpuMs === null ? {} : { cpu_ms: cpuMs }),
    ...(peakMemoryBytes === null ? {} : { peak_memory_bytes: peakMemoryBytes }),
  };
}

export function toWireWorker(row: WorkerRow): Worker {
  return {
    worker_id: row.id,
    hostname: row.hostname,
    pid: row.pid,
    version: row.version,
    slots: row.slots,
    running: row.running,
    labels: { ...row.labels },
    queues: [...row.queues],
    draining: row.state === 'draining',
    coordinator_id: row.coordinatorId,
    connected_at: formatInstant(row.connectedAt),
    last_heartbeat_at: formatInstant(row.lastHeartbeatAt),
    lease_until: formatInstant(row.leaseUntil),
  };
}
