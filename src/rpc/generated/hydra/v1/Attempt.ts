// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface Attempt {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Run through `sh -c`.
   */
  'command'?: (string);
  'queue'?: (string);
  /**
   * When the task was asked to run: microseconds since 1970-01-01T00:00:00Z by PostgreSQL's clock.
   */
  'scheduled_at_us'?: (number | string | Long);
}

export interface Attempt__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Run through `sh -c`.
   */
  'command': (string);
  'queue': (string);
  /**
   * When the task was asked to run: microseconds since 1970-01-01T00:00:00Z by PostgreSQL's clock.
   */
  'scheduled_at_us': (number);
}
