// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface AttemptInHand {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Microseconds since the command started, at the time of sending.
   */
  'started_age_us'?: (number | string | Long);
}

export interface AttemptInHand__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Microseconds since the command started, at the time of sending.
   */
  'started_age_us': (number);
}
