// Original file: proto/hydra/v1/session.proto


/**
 * The fencing token: names one attempt of one task.
 */
export interface AttemptRef {
  /**
   * UUID of the task.
   */
  'task_id'?: (string);
  /**
   * 1 for the first attempt.
   */
  'attempt'?: (number);
}

/**
 * The fencing token: names one attempt of one task.
 */
export interface AttemptRef__Output {
  /**
   * UUID of the task.
   */
  'task_id': (string);
  /**
   * 1 for the first attempt.
   */
  'attempt': (number);
}
