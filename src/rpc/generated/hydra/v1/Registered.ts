// Original file: proto/hydra/v1/session.proto

import type { AttemptRef as _hydra_v1_AttemptRef, AttemptRef__Output as _hydra_v1_AttemptRef__Output } from '../../hydra/v1/AttemptRef.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Answer to Register.
 */
export interface Registered {
  /**
   * UUID of the session; appears in logs and in the debugging service.
   */
  'session_id'?: (string);
  'coordinator_id'?: (string);
  /**
   * The worker owns what it runs for this long after sending a heartbeat that was acknowledged.
   * Past that it must kill what it runs, since others may start it again.
   */
  'lease_ms'?: (number);
  /**
   * Send a Heartbeat this often.
   */
  'heartbeat_interval_ms'?: (number);
  /**
   * Attempts from Register.in_hand that this worker does not own any more: kill them, drop their results.
   */
  'superseded'?: (_hydra_v1_AttemptRef)[];
  /**
   * Most bytes of output that may be sent and not acknowledged, both before and within results. 0: an older
   * coordinator; send none before the result.
   */
  'output_window_bytes'?: (number | string | Long);
  /**
   * Most results that may be sent and not acknowledged. 0: an older coordinator; the worker bounds them by itself.
   */
  'result_window'?: (number);
}

/**
 * Answer to Register.
 */
export interface Registered__Output {
  /**
   * UUID of the session; appears in logs and in the debugging service.
   */
  'session_id': (string);
  'coordinator_id': (string);
  /**
   * The worker owns what it runs for this long after sending a heartbeat that was acknowledged.
   * Past that it must kill what it runs, since others may start it again.
   */
  'lease_ms': (number);
  /**
   * Send a Heartbeat this often.
   */
  'heartbeat_interval_ms': (number);
  /**
   * Attempts from Register.in_hand that this worker does not own any more: kill them, drop their results.
   */
  'superseded': (_hydra_v1_AttemptRef__Output)[];
  /**
   * Most bytes of output that may be sent and not acknowledged, both before and within results. 0: an older
   * coordinator; send none before the result.
   */
  'output_window_bytes': (number);
  /**
   * Most results that may be sent and not acknowledged. 0: an older coordinator; the worker bounds them by itself.
   */
  'result_window': (number);
}
