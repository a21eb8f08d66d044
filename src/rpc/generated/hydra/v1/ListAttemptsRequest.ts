// Original file: proto/hydra/v1/debug.proto


export interface ListAttemptsRequest {
  'task_id'?: (string);
}

export interface ListAttemptsRequest__Output {
  'task_id': (string);
}
