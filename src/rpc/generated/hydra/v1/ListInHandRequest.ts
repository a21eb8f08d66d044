// Original file: proto/hydra/v1/debug.proto


export interface ListInHandRequest {
}

export interface ListInHandRequest__Output {
}
