// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';

/**
 * Kill these attempts: the worker does not own them any more. No report is expected.
 */
export interface Stop {
  'refs'?: (_hydra_v1_AttemptRef)[];
}

/**
 * Kill these attempts: the worker does not own them any more. No report is expected.
 */
export interface Stop__Output {
  'refs': (_hydra_v1_AttemptRef__Output)[];
}
