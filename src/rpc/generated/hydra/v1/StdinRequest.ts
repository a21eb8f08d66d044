// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface StdinRequest {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Bytes that the worker has already.
   */
  'offset'?: (number | string | Long);
}

export interface StdinRequest__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Bytes that the worker has already.
   */
  'offset': (number);
}
