// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';

/**
 * The results that are committed, or that nobody waits for any more. The worker forgets them.
 */
export interface Acknowledge {
  'recorded'?: (_hydra_v1_AttemptRef)[];
  /**
   * A newer attempt exists or the task has ended otherwise: the result was not recorded.
   */
  'superseded'?: (_hydra_v1_AttemptRef)[];
}

/**
 * The results that are committed, or that nobody waits for any more. The worker forgets them.
 */
export interface Acknowledge__Output {
  'recorded': (_hydra_v1_AttemptRef__Output)[];
  /**
   * A newer attempt exists or the task has ended otherwise: the result was not recorded.
   */
  'superseded': (_hydra_v1_AttemptRef__Output)[];
}
