// Original file: proto/hydra/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sent by the coordinator: take nothing new, finish what runs, report it, say Goodbye.
 */
export interface Drain {
  /**
   * What still runs after this long is stopped and handed back (REASON_WORKER_LOST). Not set: as the worker is
   * configured. It may come again with a shorter time.
   */
  'timeout_ms'?: (number | string | Long);
  '_timeout_ms'?: "timeout_ms";
}

/**
 * Sent by the coordinator: take nothing new, finish what runs, report it, say Goodbye.
 */
export interface Drain__Output {
  /**
   * What still runs after this long is stopped and handed back (REASON_WORKER_LOST). Not set: as the worker is
   * configured. It may come again with a shorter time.
   */
  'timeout_ms'?: (number);
  '_timeout_ms'?: "timeout_ms";
}
