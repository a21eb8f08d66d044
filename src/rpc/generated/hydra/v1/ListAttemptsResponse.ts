// Original file: proto/hydra/v1/debug.proto

import type { AttemptRecord as _hydra_v1_AttemptRecord, AttemptRecord__Output as _hydra_v1_AttemptRecord__Output } from '../../hydra/v1/AttemptRecord.ts';

export interface ListAttemptsResponse {
  /**
   * Oldest first; the last one may run.
   */
  'attempts'?: (_hydra_v1_AttemptRecord)[];
}

export interface ListAttemptsResponse__Output {
  /**
   * Oldest first; the last one may run.
   */
  'attempts': (_hydra_v1_AttemptRecord__Output)[];
}
