// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A piece of what an attempt wrote. Positions count all bytes it wrote, stdout and stderr together in the order they
 * were read, also those that were dropped since there were too many.
 */
export interface OutputChunk {
  'ref'?: (_hydra_v1_AttemptRef | null);
  /**
   * Position of the first byte.
   */
  'start'?: (number | string | Long);
  'data'?: (Buffer | Uint8Array | string);
  /**
   * Lengths of its parts in turn: above 0 of stdout, below 0 of stderr. They add up to the length of data.
   */
  'segments'?: (number)[];
  /**
   * Bytes written to each stream up to the end of this piece. Their sum is the position of its end.
   */
  'stdout_end'?: (number | string | Long);
  'stderr_end'?: (number | string | Long);
  /**
   * Pieces at or after this position that were sent before are removed first. What was last written while the command
   * ran gives way to what was last written at all.
   */
  'replaces_from'?: (number | string | Long);
  '_replaces_from'?: "replaces_from";
}

/**
 * A piece of what an attempt wrote. Positions count all bytes it wrote, stdout and stderr together in the order they
 * were read, also those that were dropped since there were too many.
 */
export interface OutputChunk__Output {
  'ref': (_hydra_v1_AttemptRef__Output | null);
  /**
   * Position of the first byte.
   */
  'start': (number);
  'data': (Buffer);
  /**
   * Lengths of its parts in turn: above 0 of stdout, below 0 of stderr. They add up to the length of data.
   */
  'segments': (number)[];
  /**
   * Bytes written to each stream up to the end of this piece. Their sum is the position of its end.
   */
  'stdout_end': (number);
  'stderr_end': (number);
  /**
   * Pieces at or after this position that were sent before are removed first. What was last written while the command
   * ran gives way to what was last written at all.
   */
  'replaces_from'?: (number);
  '_replaces_from'?: "replaces_from";
}
