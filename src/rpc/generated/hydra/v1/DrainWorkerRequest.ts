// Original file: proto/hydra/v1/debug.proto

import type { Long } from '@grpc/proto-loader';

export interface DrainWorkerRequest {
  'worker_id'?: (string);
  /**
   * What still runs after this long is stopped and handed back. Not set: as the worker is configured.
   */
  'timeout_ms'?: (number | string | Long);
  '_timeout_ms'?: "timeout_ms";
}

export interface DrainWorkerRequest__Output {
  'worker_id': (string);
  /**
   * What still runs after this long is stopped and handed back. Not set: as the worker is configured.
   */
  'timeout_ms'?: (number);
  '_timeout_ms'?: "timeout_ms";
}
