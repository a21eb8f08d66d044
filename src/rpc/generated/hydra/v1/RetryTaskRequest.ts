// Original file: proto/hydra/v1/debug.proto


export interface RetryTaskRequest {
  'task_id'?: (string);
}

export interface RetryTaskRequest__Output {
  'task_id': (string);
}
