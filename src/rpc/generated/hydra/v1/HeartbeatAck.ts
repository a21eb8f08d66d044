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
   * False: this coordinator could not reach PostgreSQL, so the lease was not renewed. Another coordinator may reach it:
   * the worker asks them for their Standing, and moves to one that can.
   */
  'renewed'?: (boolean);
  /**
   * Only when not renewed: as StandingReply.holds_off_ms, since this heartbeat came. 0: an older coordinator, which holds
   * off for a lease.
   */
  'holds_off_ms'?: (number);
  /**
   * As Registered.result_window, from now on. 0: unchanged.
   */
  'result_window'?: (number);
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
   * False: this coordinator could not reach PostgreSQL, so the lease was not renewed. Another coordinator may reach it:
   * the worker asks them for their Standing, and moves to one that can.
   */
  'renewed': (boolean);
  /**
   * Only when not renewed: as StandingReply.holds_off_ms, since this heartbeat came. 0: an older coordinator, which holds
   * off for a lease.
   */
  'holds_off_ms': (number);
  /**
   * As Registered.result_window, from now on. 0: unchanged.
   */
  'result_window': (number);
}
