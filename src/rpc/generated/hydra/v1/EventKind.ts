// Original file: proto/hydra/v1/debug.proto

export const EventKind = {
  EVENT_KIND_UNSPECIFIED: 'EVENT_KIND_UNSPECIFIED',
  /**
   * This coordinator owns the task until its lease ends.
   */
  TASK_CLAIMED: 'TASK_CLAIMED',
  /**
   * Sent to a worker.
   */
  TASK_DISPATCHED: 'TASK_DISPATCHED',
  TASK_STARTED: 'TASK_STARTED',
  /**
   * Recorded in PostgreSQL: see state, reason, exit_code and signal.
   */
  TASK_ENDED: 'TASK_ENDED',
  /**
   * An attempt was lost with its worker or coordinator, or was handed back by a worker that had to leave. See state:
   * the task went back to the queue (scheduled), or has ended.
   */
  TASK_LOST: 'TASK_LOST',
  /**
   * A report came for an attempt that is not the task's current one, and was not recorded.
   */
  REPORT_SUPERSEDED: 'REPORT_SUPERSEDED',
  WORKER_CONNECTED: 'WORKER_CONNECTED',
  WORKER_DRAINING: 'WORKER_DRAINING',
  /**
   * The stream ended; the worker may come back before its lease ends.
   */
  WORKER_DISCONNECTED: 'WORKER_DISCONNECTED',
  /**
   * Said goodbye.
   */
  WORKER_LEFT: 'WORKER_LEFT',
  /**
   * Its lease ended.
   */
  WORKER_LOST: 'WORKER_LOST',
  /**
   * An attempt failed and is followed by another: see reason, exit_code and signal.
   */
  TASK_RETRYING: 'TASK_RETRYING',
  /**
   * Its worker was told to stop it.
   */
  TASK_CANCELLING: 'TASK_CANCELLING',
} as const;

export type EventKind =
  | 'EVENT_KIND_UNSPECIFIED'
  | 0
  /**
   * This coordinator owns the task until its lease ends.
   */
  | 'TASK_CLAIMED'
  | 1
  /**
   * Sent to a worker.
   */
  | 'TASK_DISPATCHED'
  | 2
  | 'TASK_STARTED'
  | 3
  /**
   * Recorded in PostgreSQL: see state, reason, exit_code and signal.
   */
  | 'TASK_ENDED'
  | 4
  /**
   * An attempt was lost with its worker or coordinator, or was handed back by a worker that had to leave. See state:
   * the task went back to the queue (scheduled), or has ended.
   */
  | 'TASK_LOST'
  | 5
  /**
   * A report came for an attempt that is not the task's current one, and was not recorded.
   */
  | 'REPORT_SUPERSEDED'
  | 6
  | 'WORKER_CONNECTED'
  | 7
  | 'WORKER_DRAINING'
  | 8
  /**
   * The stream ended; the worker may come back before its lease ends.
   */
  | 'WORKER_DISCONNECTED'
  | 9
  /**
   * Said goodbye.
   */
  | 'WORKER_LEFT'
  | 10
  /**
   * Its lease ended.
   */
  | 'WORKER_LOST'
  | 11
  /**
   * An attempt failed and is followed by another: see reason, exit_code and signal.
   */
  | 'TASK_RETRYING'
  | 12
  /**
   * Its worker was told to stop it.
   */
  | 'TASK_CANCELLING'
  | 13

export type EventKind__Output = typeof EventKind[keyof typeof EventKind]
