import type { AttemptKey } from '../db/attempt-key.ts';
import { cancelClaims } from '../db/cancel-claims.ts';
import { listCancelRequests } from '../db/list-cancel-requests.ts';
import type { Queryable } from '../db/pool.ts';
import { refKey, type AttemptRef } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { Agenda } from './agenda.ts';
import type { EventHub } from './event-hub.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

/** How often to look for requests whose notification was lost. */
const SWEEP_MS = 5_000;

export interface CancellationsDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly agenda: Agenda;
  readonly registry: WorkerRegistry;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** Settles when what is being claimed at this moment is on the agenda. */
  readonly claimsUnderWay: () => Promise<void>;
  /** Claimed tasks have made room for others. */
  readonly onRoom: () => void;
}

/**
 * Carries out what somebody asked to cancel among the tasks that this coordinator owns: what waits here is cancelled,
 * what a worker has is stopped there, and cancelled when the worker reports it. What may be at a worker that cannot be
 * reached is left alone: it is cancelled when that worker's lease ends, or when it registers again.
 */
export class Cancellations implements Service {
  readonly #loop: Loop;
  /** Asked for, and neither on the agenda nor in hand of a session when this looked last. */
  #unknown: ReadonlySet<string> = new Set();
  /** Off the agenda, and not yet recorded as cancelled. */
  #underWay: ReadonlySet<string> = new Set();

  constructor(private readonly deps: CancellationsDeps) {
    this.#loop = new Loop({
      pass: () => this.passOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'cancel' });
        deps.logger.warn({ err: error }, 'could not look for cancelled tasks; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Somebody may have asked to cancel something, or a worker may have come that runs what is to be cancelled. */
  wake(): void {
    this.#loop.wake();
  }

  /** Attempts, as refKey names them, that are about to be recorded as cancelled. */
  keys(): Iterable<string> {
    return this.#underWay;
  }

  /** One look for requests. Returns how long to wait for the next. */
  async passOnce(): Promise<number> {
    const requests = await listCancelRequests(this.deps.db, this.deps.coordinatorId);
    const unknown = (await this.#carryOut(requests)).map(refKey);
    // Their claim may be committed and its answer still on the way to us: worth one more look, not a wait.
    const isNew = unknown.some((key) => !this.#unknown.has(key));
    this.#unknown = new Set(unknown);
    if (isNew) void this.deps.claimsUnderWay().then(() => this.#loop.wake());
    return SWEEP_MS;
  }

  /** Returns what is neither on the agenda nor in hand of a session. */
  async #carryOut(requests: readonly AttemptKey[]): Promise<AttemptKey[]> {
    if (requests.length === 0) return [];
    const holders = this.#holders();
    const claimed: AttemptKey[] = [];
    const unknown: AttemptKey[] = [];
    const toStop = new Map<WorkerSession, AttemptRef[]>();
    for (const { attempt, taskId } of requests) {
      const ref = { taskId, attempt };
      const session = holders.get(refKey(ref));
      if (this.deps.agenda.remove(taskId, attempt) !== undefined) {
        claimed.push(ref);
      } else if (session === undefined) {
        unknown.push(ref);
      } else if (session.cancel(ref)) {
        const refs = toStop.get(session);
        if (refs === undefined) toStop.set(session, [ref]);
        else refs.push(ref);
      }
    }
    for (const [session, refs] of toStop) this.#stop(session, refs);
    if (claimed.length > 0) await this.#cancel(claimed);
    return unknown;
  }

  #stop(session: WorkerSession, refs: readonly AttemptRef[]): void {
    const { hub, metrics } = this.deps;
    session.send({ kind: 'cancel', refs });
    metrics.cancels.inc(refs.length);
    for (const ref of refs) hub.publish({ kind: 'TASK_CANCELLING', ...ref, workerId: session.workerId });
  }

  /** Should PostgreSQL's answer be lost, nobody here sends them any more, and the sweep of the claim loop finds them. */
  async #cancel(claimed: readonly AttemptKey[]): Promise<void> {
    const { coordinatorId, db, hub, metrics } = this.deps;
    this.#underWay = new Set(claimed.map(refKey));
    try {
      const cancelled = await cancelClaims(db, coordinatorId, claimed);
      metrics.ended.inc({ state: 'cancelled' }, cancelled.length);
      for (const { attempt, taskId } of cancelled) {
        hub.publish({ kind: 'TASK_ENDED', taskId, attempt, state: 'cancelled', reason: 'cancelled' });
      }
    } finally {
      this.#underWay = new Set();
    }
    this.deps.onRoom();
  }

  /** Who has what in hand. */
  #holders(): Map<string, WorkerSession> {
    const holders = new Map<string, WorkerSession>();
    for (const session of this.deps.registry.all()) {
      for (const { ref } of session.inHand()) holders.set(refKey(ref), session);
    }
    return holders;
  }
}
