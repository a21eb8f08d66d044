// Original file: proto/hydra/v1/debug.proto


export interface CancelTaskRequest {
  'task_id'?: (string);
}

export interface CancelTaskRequest__Output {
  'task_id': (string);
}
