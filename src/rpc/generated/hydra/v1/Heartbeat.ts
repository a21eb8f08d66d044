// Original file: proto/hydra/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sign of life. Renews the worker's lease.
 */
export interface Heartbeat {
  /**
   * Counts up from 1 in each session.
   */
  'sequence'?: (number | string | Long);
}

/**
 * Sign of life. Renews the worker's lease.
 */
export interface Heartbeat__Output {
  /**
   * Counts up from 1 in each session.
   */
  'sequence': (number);
}
