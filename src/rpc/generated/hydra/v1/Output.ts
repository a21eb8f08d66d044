// Original file: proto/hydra/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What a command wrote to one stream.
 */
export interface Output {
  /**
   * The first bytes of the stream, up to the worker's cap.
   */
  'head'?: (Buffer | Uint8Array | string);
  /**
   * All bytes the command wrote, kept or not.
   */
  'total_bytes'?: (number | string | Long);
}

/**
 * What a command wrote to one stream.
 */
export interface Output__Output {
  /**
   * The first bytes of the stream, up to the worker's cap.
   */
  'head': (Buffer);
  /**
   * All bytes the command wrote, kept or not.
   */
  'total_bytes': (number);
}
