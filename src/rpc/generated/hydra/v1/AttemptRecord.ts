// Original file: proto/hydra/v1/debug.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What is known of one attempt.
 */
export interface AttemptRecord {
  'attempt'?: (number);
  'worker_id'?: (string);
  'picked_at'?: (string);
  'started_at'?: (string);
  /**
   * Empty: it has not ended.
   */
  'ended_at'?: (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * As in Task.
   */
  'reason'?: (string);
  'error'?: (string);
  'cpu_ms'?: (number | string | Long);
  'peak_memory_bytes'?: (number | string | Long);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}

/**
 * What is known of one attempt.
 */
export interface AttemptRecord__Output {
  'attempt': (number);
  'worker_id': (string);
  'picked_at': (string);
  'started_at': (string);
  /**
   * Empty: it has not ended.
   */
  'ended_at': (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * As in Task.
   */
  'reason': (string);
  'error': (string);
  'cpu_ms'?: (number);
  'peak_memory_bytes'?: (number);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
  '_cpu_ms'?: "cpu_ms";
  '_peak_memory_bytes'?: "peak_memory_bytes";
}
