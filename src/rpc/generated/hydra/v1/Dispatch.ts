// Original file: proto/hydra/v1/session.proto

import type { Attempt as _hydra_v1_Attempt, Attempt__Output as _hydra_v1_Attempt__Output } from '../../hydra/v1/Attempt.ts';

/**
 * Attempts to run now.
 */
export interface Dispatch {
  'attempts'?: (_hydra_v1_Attempt)[];
}

/**
 * Attempts to run now.
 */
export interface Dispatch__Output {
  'attempts': (_hydra_v1_Attempt__Output)[];
}
