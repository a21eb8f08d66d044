// Original file: proto/hydra/v1/debug.proto


export interface GetWorkerRequest {
  'worker_id'?: (string);
}

export interface GetWorkerRequest__Output {
  'worker_id': (string);
}
