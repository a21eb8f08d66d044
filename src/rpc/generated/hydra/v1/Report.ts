// Original file: proto/hydra/v1/session.proto

import type { Started as _hydra_v1_Started, Started__Output as _hydra_v1_Started__Output } from '../../hydra/v1/Started.ts';
import type { Finished as _hydra_v1_Finished, Finished__Output as _hydra_v1_Finished__Output } from '../../hydra/v1/Finished.ts';

/**
 * What happened to attempts since the last report. One frame carries many.
 */
export interface Report {
  'started'?: (_hydra_v1_Started)[];
  /**
   * Kept by the worker, and sent again in the next session, until acknowledged.
   */
  'finished'?: (_hydra_v1_Finished)[];
}

/**
 * What happened to attempts since the last report. One frame carries many.
 */
export interface Report__Output {
  'started': (_hydra_v1_Started__Output)[];
  /**
   * Kept by the worker, and sent again in the next session, until acknowledged.
   */
  'finished': (_hydra_v1_Finished__Output)[];
}
