// Original file: proto/hydra/v1/debug.proto

import type { EventKind as _hydra_v1_EventKind, EventKind__Output as _hydra_v1_EventKind__Output } from '../../hydra/v1/EventKind.ts';

export interface WatchEventsRequest {
  /**
   * Only these kinds; empty: all.
   */
  'kinds'?: (_hydra_v1_EventKind)[];
}

export interface WatchEventsRequest__Output {
  /**
   * Only these kinds; empty: all.
   */
  'kinds': (_hydra_v1_EventKind__Output)[];
}
