// Original file: proto/hydra/v1/debug.proto

import type { Worker as _hydra_v1_Worker, Worker__Output as _hydra_v1_Worker__Output } from '../../hydra/v1/Worker.ts';

export interface ListWorkersResponse {
  'workers'?: (_hydra_v1_Worker)[];
}

export interface ListWorkersResponse__Output {
  'workers': (_hydra_v1_Worker__Output)[];
}
