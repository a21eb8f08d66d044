// Original file: proto/hydra/v1/debug.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

/**
 * A task as REST shows it. Timestamps that have not come about are not set.
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
  'scheduled_at'?: (_google_protobuf_Timestamp | null);
  'due_at'?: (_google_protobuf_Timestamp | null);
  'created_at'?: (_google_protobuf_Timestamp | null);
  'picked_at'?: (_google_protobuf_Timestamp | null);
  'started_at'?: (_google_protobuf_Timestamp | null);
  'completed_at'?: (_google_protobuf_Timestamp | null);
  'failed_at'?: (_google_protobuf_Timestamp | null);
  'cancelled_at'?: (_google_protobuf_Timestamp | null);
  'expired_at'?: (_google_protobuf_Timestamp | null);
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
 * A task as REST shows it. Timestamps that have not come about are not set.
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
  'scheduled_at': (_google_protobuf_Timestamp__Output | null);
  'due_at': (_google_protobuf_Timestamp__Output | null);
  'created_at': (_google_protobuf_Timestamp__Output | null);
  'picked_at': (_google_protobuf_Timestamp__Output | null);
  'started_at': (_google_protobuf_Timestamp__Output | null);
  'completed_at': (_google_protobuf_Timestamp__Output | null);
  'failed_at': (_google_protobuf_Timestamp__Output | null);
  'cancelled_at': (_google_protobuf_Timestamp__Output | null);
  'expired_at': (_google_protobuf_Timestamp__Output | null);
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
