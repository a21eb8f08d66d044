// Original file: proto/hydra/v1/debug.proto


export interface RunTaskNowRequest {
  'task_id'?: (string);
}

export interface RunTaskNowRequest__Output {
  'task_id': (string);
}
