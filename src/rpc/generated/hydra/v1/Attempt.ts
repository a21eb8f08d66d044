// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { RunOptions as _hydra_v1_RunOptions, RunOptions__Output as _hydra_v1_RunOptions__Output } from '../../hydra/v1/RunOptions.ts';
import type { Long } from '@grpc/proto-loader';

export interface Attempt {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Run through a shell: `sh -c`, unless options name another. Empty: options.argv is run instead.
   */
  'command'?: (string);
  'queue'?: (string);
  /**
   * When the task was asked to run: microseconds since 1970-01-01T00:00:00Z by PostgreSQL's clock.
   */
  'scheduled_at_us'?: (number | string | Long);
  'options'?: (_hydra_v1_RunOptions | null);
  /**
   * Microseconds since scheduled_at, at the time of sending.
   */
  'late_us'?: (number | string | Long);
  /**
   * Milliseconds that the task may still take with all its attempts, at the time of sending; not set: any time.
   */
  'total_timeout_left_ms'?: (number | string | Long);
  /**
   * The command reads what the Stdin call gives; false: it reads nothing.
   */
  'has_stdin'?: (boolean);
  /**
   * Variables whose values are to be masked in the output.
   */
  'secret_env'?: ({[key: string]: string});
  '_total_timeout_left_ms'?: "total_timeout_left_ms";
}

export interface Attempt__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Run through a shell: `sh -c`, unless options name another. Empty: options.argv is run instead.
   */
  'command': (string);
  'queue': (string);
  /**
   * When the task was asked to run: microseconds since 1970-01-01T00:00:00Z by PostgreSQL's clock.
   */
  'scheduled_at_us': (number);
  'options': (_hydra_v1_RunOptions__Output | null);
  /**
   * Microseconds since scheduled_at, at the time of sending.
   */
  'late_us': (number);
  /**
   * Milliseconds that the task may still take with all its attempts, at the time of sending; not set: any time.
   */
  'total_timeout_left_ms'?: (number);
  /**
   * The command reads what the Stdin call gives; false: it reads nothing.
   */
  'has_stdin': (boolean);
  /**
   * Variables whose values are to be masked in the output.
   */
  'secret_env': ({[key: string]: string});
  '_total_timeout_left_ms'?: "total_timeout_left_ms";
}
