// Original file: proto/hydra/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sent once the lease is renewed in PostgreSQL, or when that could not be done.
 */
export interface HeartbeatAck {
  /**
   * The newest heartbeat this answers; it answers all before it, too.
   */
  'sequence'?: (number | string | Long);
  /**
   * False: PostgreSQL could not be reached, so the lease was not renewed but cannot be taken by
   * anyone either. Running commands go on.
   */
  'renewed'?: (boolean);
}

/**
 * Sent once the lease is renewed in PostgreSQL, or when that could not be done.
 */
export interface HeartbeatAck__Output {
  /**
   * The newest heartbeat this answers; it answers all before it, too.
   */
  'sequence': (number);
  /**
   * False: PostgreSQL could not be reached, so the lease was not renewed but cannot be taken by
   * anyone either. Running commands go on.
   */
  'renewed': (boolean);
}
