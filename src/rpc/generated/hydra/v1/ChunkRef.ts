// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface ChunkRef {
  'ref'?: (_hydra_v1_AttemptRef | null);
  'start'?: (number | string | Long);
}

export interface ChunkRef__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  'start': (number);
}
