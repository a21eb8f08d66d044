// Original file: proto/hydra/v1/debug.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface InHand {
  'task_id'?: (string);
  'attempt'?: (number);
  'queue'?: (string);
  /**
   * "waiting" (for its instant), "ready" (due, no free slot), "dispatched" (sent to the worker) or "started".
   */
  'stage'?: (string);
  'due_at'?: (_google_protobuf_Timestamp | null);
  /**
   * Set once dispatched.
   */
  'worker_id'?: (string);
}

export interface InHand__Output {
  'task_id': (string);
  'attempt': (number);
  'queue': (string);
  /**
   * "waiting" (for its instant), "ready" (due, no free slot), "dispatched" (sent to the worker) or "started".
   */
  'stage': (string);
  'due_at': (_google_protobuf_Timestamp__Output | null);
  /**
   * Set once dispatched.
   */
  'worker_id': (string);
}
