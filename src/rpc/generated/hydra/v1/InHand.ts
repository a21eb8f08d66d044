// Original file: proto/hydra/v1/debug.proto


export interface InHand {
  'task_id'?: (string);
  'attempt'?: (number);
  'queue'?: (string);
  /**
   * "waiting" (for its instant), "ready" (due, no free slot), "dispatched" (sent to the worker) or "started".
   */
  'stage'?: (string);
  'due_at'?: (string);
  /**
   * Set once dispatched.
   */
  'worker_id'?: (string);
  /**
   * True: the worker was told to stop it.
   */
  'cancelling'?: (boolean);
}

export interface InHand__Output {
  'task_id': (string);
  'attempt': (number);
  'queue': (string);
  /**
   * "waiting" (for its instant), "ready" (due, no free slot), "dispatched" (sent to the worker) or "started".
   */
  'stage': (string);
  'due_at': (string);
  /**
   * Set once dispatched.
   */
  'worker_id': (string);
  /**
   * True: the worker was told to stop it.
   */
  'cancelling': (boolean);
}
