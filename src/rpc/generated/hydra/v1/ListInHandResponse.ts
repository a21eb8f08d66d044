// Original file: proto/hydra/v1/debug.proto

import type { InHand as _hydra_v1_InHand, InHand__Output as _hydra_v1_InHand__Output } from '../../hydra/v1/InHand.ts';

export interface ListInHandResponse {
  'coordinator_id'?: (string);
  'in_hand'?: (_hydra_v1_InHand)[];
}

export interface ListInHandResponse__Output {
  'coordinator_id': (string);
  'in_hand': (_hydra_v1_InHand__Output)[];
}
