// Original file: proto/hydra/v1/debug.proto

import type { Worker as _hydra_v1_Worker, Worker__Output as _hydra_v1_Worker__Output } from '../../hydra/v1/Worker.ts';
import type { Task as _hydra_v1_Task, Task__Output as _hydra_v1_Task__Output } from '../../hydra/v1/Task.ts';

export interface WorkerDetail {
  'worker'?: (_hydra_v1_Worker | null);
  /**
   * At most 1,000, those scheduled last first.
   */
  'running_tasks'?: (_hydra_v1_Task)[];
}

export interface WorkerDetail__Output {
  'worker': (_hydra_v1_Worker__Output | null);
  /**
   * At most 1,000, those scheduled last first.
   */
  'running_tasks': (_hydra_v1_Task__Output)[];
}
