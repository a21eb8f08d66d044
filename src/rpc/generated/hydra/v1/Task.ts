// Original file: proto/hydra/v1/debug.proto


/**
 * A task. REST shows the same and a little more (GET /schedule/:task_id).
 */
export interface Task {
  'id'?: (string);
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
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
}

/**
 * A task. REST shows the same and a little more (GET /schedule/:task_id).
 */
export interface Task__Output {
  'id': (string);
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
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
}
