// Original file: proto/hydra/v1/session.proto

import type { OutputChunk as _hydra_v1_OutputChunk, OutputChunk__Output as _hydra_v1_OutputChunk__Output } from '../../hydra/v1/OutputChunk.ts';

/**
 * Output of commands, sent while they run and before their result. Kept by the worker, and sent again in the next
 * session with the same boundaries, until acknowledged.
 */
export interface OutputFrame {
  'chunks'?: (_hydra_v1_OutputChunk)[];
}

/**
 * Output of commands, sent while they run and before their result. Kept by the worker, and sent again in the next
 * session with the same boundaries, until acknowledged.
 */
export interface OutputFrame__Output {
  'chunks': (_hydra_v1_OutputChunk__Output)[];
}
