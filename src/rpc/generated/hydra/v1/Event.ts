// Original file: proto/hydra/v1/debug.proto

import type { EventKind as _hydra_v1_EventKind, EventKind__Output as _hydra_v1_EventKind__Output } from '../../hydra/v1/EventKind.ts';

export interface Event {
  'at'?: (string);
  'kind'?: (_hydra_v1_EventKind);
  'task_id'?: (string);
  'attempt'?: (number);
  'worker_id'?: (string);
  /**
   * With TASK_ENDED and TASK_LOST.
   */
  'state'?: (string);
  'reason'?: (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * Events this reader missed just before this one.
   */
  'dropped'?: (number);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
}

export interface Event__Output {
  'at': (string);
  'kind': (_hydra_v1_EventKind__Output);
  'task_id': (string);
  'attempt': (number);
  'worker_id': (string);
  /**
   * With TASK_ENDED and TASK_LOST.
   */
  'state': (string);
  'reason': (string);
  'exit_code'?: (number);
  'signal'?: (string);
  /**
   * Events this reader missed just before this one.
   */
  'dropped': (number);
  '_exit_code'?: "exit_code";
  '_signal'?: "signal";
}
