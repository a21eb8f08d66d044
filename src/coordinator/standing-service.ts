import type { sendUnaryData } from '@grpc/grpc-js';
import { encodeStanding } from '../rpc/codec.ts';
import type { StandingReply } from '../rpc/generated/hydra/v1/StandingReply.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { STOPPING, sendElsewhere } from './refusal.ts';
import type { WorkerRegistry } from './worker-registry.ts';

export interface StandingServiceDeps {
  readonly coordinatorId: string;
  readonly leases: LeaseKeeper;
  readonly registry: WorkerRegistry;
}

/** Serves `hydra.v1.Coordinator/Standing`: whether a worker is well served here. */
export class StandingService {
  constructor(private readonly deps: StandingServiceDeps) {}

  /** The handler for grpc-js. */
  async handle(answer: sendUnaryData<StandingReply>): Promise<void> {
    const { coordinatorId, leases, registry } = this.deps;
    const standing = await leases.standing();
    if (leases.retired) answer(sendElsewhere(STOPPING, leases.holdOff()));
    else answer(null, encodeStanding({ coordinatorId, ...standing, sessions: registry.size }));
  }
}
