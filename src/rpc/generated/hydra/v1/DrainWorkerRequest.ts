// Original file: proto/hydra/v1/debug.proto


export interface DrainWorkerRequest {
  'worker_id'?: (string);
}

export interface DrainWorkerRequest__Output {
  'worker_id': (string);
}
