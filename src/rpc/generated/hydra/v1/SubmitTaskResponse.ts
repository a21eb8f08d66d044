// Original file: proto/hydra/v1/debug.proto


export interface SubmitTaskResponse {
  'task_id'?: (string);
  /**
   * False: a task with this idempotency_key existed; task_id is that one's.
   */
  'created'?: (boolean);
}

export interface SubmitTaskResponse__Output {
  'task_id': (string);
  /**
   * False: a task with this idempotency_key existed; task_id is that one's.
   */
  'created': (boolean);
}
