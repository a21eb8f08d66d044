import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type pg from 'pg';
import { registerWorker, type WorkerRegistered } from '../db/register-worker.ts';
import { isUnavailable, unavailable } from '../db/unavailable.ts';
import { invalidArgument } from '../domain/errors.ts';
import type { Registration } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { EventHub } from './event-hub.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { sendElsewhere, type Refusal } from './refusal.ts';
import { registrationFaults } from './validate-session.ts';
import { WorkerSession, type SessionStream } from './worker-session.ts';

/** How long PostgreSQL may take, in units of the interval, so that a worker can try another coordinator in time. */
const PATIENCE_INTERVALS = 2 / 3;
/** However short the lease is. */
const LEAST_PATIENCE_MS = 1_000;

export interface RegistrarDeps {
  readonly pool: pg.Pool;
  readonly coordinatorId: string;
  readonly leaseMs: number;
  readonly leases: LeaseKeeper;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** There may be room that was not there before. */
  readonly onRoom: () => void;
}

type Accepted = Extract<WorkerRegistered, { outcome: 'registered' }>;
type InUse = Extract<WorkerRegistered, { outcome: 'id_in_use' }>;

/** A registration that PostgreSQL took. */
export type Registered = Accepted & { readonly session: WorkerSession };

/** Takes workers in: has PostgreSQL record who has come and with what in hand. */
export class Registrar {
  readonly #patienceMs: number;

  constructor(private readonly deps: RegistrarDeps) {
    this.#patienceMs = Math.max(LEAST_PATIENCE_MS, deps.leases.intervalMs * PATIENCE_INTERVALS);
  }

  /**
   * Settles in time, whether PostgreSQL answers or not. Should it take the registration when nobody waits for it any
   * more, the worker's next one, which has a higher ordinal, undoes that.
   */
  async register(stream: SessionStream, registration: Registration): Promise<Registered | Refusal> {
    const faults = registrationFaults(registration);
    if (faults.length > 0) return { code: status.INVALID_ARGUMENT, details: invalidArgument(faults).message };
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(this.#elsewhere('PostgreSQL does not answer; try again or elsewhere'));
      }, this.#patienceMs);
      void this.#record(stream, registration).then((outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      });
    });
  }

  async #record(stream: SessionStream, registration: Registration): Promise<Registered | Refusal> {
    const { coordinatorId, leaseMs, leases, logger, pool } = this.deps;
    const { workerId } = registration;
    const sessionId = randomUUID();
    try {
      const inHand = registration.inHand.map(({ ref, startedAgeUs }) => ({ ...ref, startedAgeUs }));
      const account = { ...registration, sessionId, coordinatorId, inHand };
      const result = await registerWorker(pool, account, leaseMs, leases.reapBeforeMs);
      if (result.outcome === 'id_in_use') {
        const details = inUse(workerId, result);
        logger.warn({ workerId, hostname: registration.hostname }, details);
        return { code: status.ALREADY_EXISTS, details };
      }
      if (result.outcome === 'overtaken') {
        return { code: status.ABORTED, details: 'a newer session of this worker exists' };
      }
      this.#noteLost(workerId, result);
      const session = new WorkerSession(sessionId, registration, stream, this.deps);
      for (const ref of result.owned) session.adopt(ref);
      return { session, ...result };
    } catch (error) {
      logger.warn({ err: error, workerId }, 'could not register a worker');
      return isUnavailable(error)
        ? this.#elsewhere(unavailable(error).message)
        : { code: status.INTERNAL, details: 'the registration failed; see the log of the coordinator' };
    }
  }

  #elsewhere(details: string): Refusal {
    return sendElsewhere(details, this.deps.leases.holdOff());
  }

  #noteLost(workerId: string, { lost }: Accepted): void {
    const { hub, logger, metrics } = this.deps;
    for (const { taskId, attempt, state } of lost) {
      logger.warn({ workerId, taskId, attempt, state }, 'an attempt was lost: its worker does not know of it');
      metrics.lost.inc();
      hub.publish({ kind: 'TASK_LOST', taskId, attempt, workerId, state });
    }
  }
}

function inUse(workerId: string, { ended, hostname, pid }: InUse): string {
  const process = `process ${pid} on ${hostname}`;
  return ended
    ? `worker_id ${workerId} was in use by ${process}, which may still run: PostgreSQL or this coordinator was away; try again`
    : `worker_id ${workerId} is in use by ${process}; give each worker an id of its own`;
}
