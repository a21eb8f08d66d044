// Original file: proto/hydra/v1/session.proto


export interface StandingRequest {
}

export interface StandingRequest__Output {
}
