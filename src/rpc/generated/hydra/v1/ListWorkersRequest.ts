// Original file: proto/hydra/v1/debug.proto


export interface ListWorkersRequest {
}

export interface ListWorkersRequest__Output {
}
