// Original file: proto/hydra/v1/session.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Not set: as the worker.
 */
export interface Limits {
  'memory_bytes'?: (number | string | Long);
  'open_files'?: (number | string | Long);
  'processes'?: (number | string | Long);
  'cpu_seconds'?: (number | string | Long);
  '_memory_bytes'?: "memory_bytes";
  '_open_files'?: "open_files";
  '_processes'?: "processes";
  '_cpu_seconds'?: "cpu_seconds";
}

/**
 * Not set: as the worker.
 */
export interface Limits__Output {
  'memory_bytes'?: (number);
  'open_files'?: (number);
  'processes'?: (number);
  'cpu_seconds'?: (number);
  '_memory_bytes'?: "memory_bytes";
  '_open_files'?: "open_files";
  '_processes'?: "processes";
  '_cpu_seconds'?: "cpu_seconds";
}
