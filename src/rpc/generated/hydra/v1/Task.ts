// Original file: proto/hydra/v1/debug.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A task. REST shows the same and a little more (GET /schedule/:task_id).
 */
export interface Task {
  'id'?: (string);
  /**
   * Empty when argv is given.
   */
  'command'?: (string);
  /**
   * scheduled, picked, running, completed, failed, cancelled or expired.
   */
  'state'?: (string);
  'queue'?: (string);
  'priority'?: (number);
  'labels'?: ({[key: string]: string});
  /**
   * The number of the newest attempt; 0 before the first.
   */
  'attempt'?: (number);
  'scheduled_at'?: (string);
  'due_at'?: (string);
  'created_at'?: (string);
  'picked_at'?: (string);
  'started_at'?: (string);
  'completed_at'?: (string);
  'failed_at'?: (string);
  'cancelled_at'?: (string);
  'expired_at'?: (string);
  'worker_id'?: (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * exited, signalled, timed_out, cancelled, worker_lost, rejected or spawn_error; empty before the end.
   */
  'reason'?: (string);
  /**
   * A sentence for people, when there is something to say beyond the reason.
   */
  'error'?: (string);
  'idempotency_key'?: (string);
  /**
   * Run without a shell, instead of a command.
   */
  'argv'?: (string)[];
  /**
   * Once somebody has asked to cancel it.
   */
  'cancel_requested_at'?: (string);
  /**
   * How often it has failed and was run again since it is to be.
   */
  'retries'?: (number);
  /**
   * Not started by then: expired.
   */
  'start_deadline'?: (string);
  /**
   * Processor time of the newest attempt, all its processes; not set: not measured.
   */
  'cpu_ms'?: (number | string | Long);
  /**
   * Most memory that they had at one time; not set: not measured.
   */
  'peak_memory_bytes'?: (number | string | Long);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}

/**
 * A task. REST shows the same and a little more (GET /schedule/:task_id).
 */
export interface Task__Output {
  'id': (string);
  /**
   * Empty when argv is given.
   */
  'command': (string);
  /**
   * scheduled, picked, running, completed, failed, cancelled or expired.
   */
  'state': (string);
  'queue': (string);
  'priority': (number);
  'labels': ({[key: string]: string});
  /**
   * The number of the newest attempt; 0 before the first.
   */
  'attempt': (number);
  'scheduled_at': (string);
  'due_at': (string);
  'created_at': (string);
  'picked_at': (string);
  'started_at': (string);
  'completed_at': (string);
  'failed_at': (string);
  'cancelled_at': (string);
  'expired_at': (string);
  'worker_id': (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * exited, signalled, timed_out, cancelled, worker_lost, rejected or spawn_error; empty before the end.
   */
  'reason': (string);
  /**
   * A sentence for people, when there is something to say beyond the reason.
   */
  'error': (string);
  'idempotency_key': (string);
  /**
   * Run without a shell, instead of a command.
   */
  'argv': (string)[];
  /**
   * Once somebody has asked to cancel it.
   */
  'cancel_requested_at': (string);
  /**
   * How often it has failed and was run again since it is to be.
   */
  'retries': (number);
  /**
   * Not started by then: expired.
   */
  'start_deadline': (string);
  /**
   * Processor time of the newest attempt, all its processes; not set: not measured.
   */
  'cpu_ms'?: (number);
  /**
   * Most memory that they had at one time; not set: not measured.
   */
  'peak_memory_bytes'?: (number);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}
