// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';

/**
 * Stop these attempts in the way their options say (stop_signal, grace_ms, SIGKILL) and report them with REASON_CANCELLED.
 */
export interface Cancel {
  'refs'?: (_hydra_v1_AttemptRef)[];
}

/**
 * Stop these attempts in the way their options say (stop_signal, grace_ms, SIGKILL) and report them with REASON_CANCELLED.
 */
export interface Cancel__Output {
  'refs': (_hydra_v1_AttemptRef__Output)[];
}
