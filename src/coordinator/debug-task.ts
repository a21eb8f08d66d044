import type { TaskRow } from '../db/task-row.ts';
import type { WorkerRow } from '../db/list-workers.ts';
import type { Task } from '../rpc/generated/hydra/v1/Task.ts';
import type { Worker } from '../rpc/generated/hydra/v1/Worker.ts';
import type { Timestamp } from '../rpc/generated/google/protobuf/Timestamp.ts';

/** Rows as the debugging service shows them. */

export function toTimestamp(instant: Date | null): Timestamp | null {
  if (instant === null) return null;
  const ms = instant.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
}

export function toWireTask(row: TaskRow): Task {
  return {
    id: row.id,
    command: row.command,
    state: row.state,
    queue: row.queue,
    priority: row.priority,
    labels: { ...row.labels },
    attempt: row.attempt,
    scheduled_at: toTimestamp(row.scheduledAt),
    due_at: toTimestamp(row.dueAt),
    created_at: toTimestamp(row.createdAt),
    picked_at: toTimestamp(row.pickedAt),
    started_at: toTimestamp(row.startedAt),
    completed_at: toTimestamp(row.completedAt),
    failed_at: toTimestamp(row.failedAt),
    cancelled_at: toTimestamp(row.cancelledAt),
    expired_at: toTimestamp(row.expiredAt),
    worker_id: row.workerId ?? '',
    ...(row.exitCode === null ? {} : { exit_code: row.exitCode }),
    ...(row.signal === null ? {} : { signal: row.signal }),
    reason: row.reason ?? '',
    error: row.error ?? '',
    idempotency_key: row.idempotencyKey ?? '',
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
    connected_at: toTimestamp(row.connectedAt),
    last_heartbeat_at: toTimestamp(row.lastHeartbeatAt),
    lease_until: toTimestamp(row.leaseUntil),
  };
}
