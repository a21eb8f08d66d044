// Original file: proto/hydra/v1/session.proto

import type { ChunkRef as _hydra_v1_ChunkRef, ChunkRef__Output as _hydra_v1_ChunkRef__Output } from '../../hydra/v1/ChunkRef.ts';
import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';

/**
 * Once the pieces are committed.
 */
export interface OutputAck {
  'stored'?: (_hydra_v1_ChunkRef)[];
  /**
   * The attempt is not the task's current one: nothing more of it is wanted.
   */
  'superseded'?: (_hydra_v1_AttemptRef)[];
}

/**
 * Once the pieces are committed.
 */
export interface OutputAck__Output {
  'stored': (_hydra_v1_ChunkRef__Output)[];
  /**
   * The attempt is not the task's current one: nothing more of it is wanted.
   */
  'superseded': (_hydra_v1_AttemptRef__Output)[];
}
