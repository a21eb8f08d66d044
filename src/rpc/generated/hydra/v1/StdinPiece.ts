// Original file: proto/hydra/v1/session.proto


export interface StdinPiece {
  'data'?: (Buffer | Uint8Array | string);
}

export interface StdinPiece__Output {
  'data': (Buffer);
}
