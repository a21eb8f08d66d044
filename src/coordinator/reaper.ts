import type pg from 'pg';
import type { LostAttempt } from '../db/lose-attempts.ts';
import { nextLeaseEndMs } from '../db/next-lease-end.ts';
import { listOwnRuns } from '../db/list-own-runs.ts';
import { loseOrphans } from '../db/lose-orphans.ts';
import { loseRuns } from '../db/lose-runs.ts';
import { reapCoordinators } from '../db/reap-coordinators.ts';
import { reapWorkers } from '../db/reap-workers.ts';
import { refKey } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { EventHub } from './event-hub.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { Limbo } from './limbo.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';

/** Two coordinators that wake for the same lease do not meet at the same instant; SKIP LOCKED settles it if they do. */
const JITTER_MS = 200;
/** How often to look while workers that have lost their session may come back at any moment. */
const FRESH_LIMBO_MS = 500;
/** How often to compare what should run here with what is known to run here, in units of the interval. */
const COMPARE_INTERVALS = 3;

export interface ReaperDeps {
  readonly pool: pg.Pool;
  readonly coordinatorId: string;
  readonly limbo: Limbo;
  /** What may be taken back: what had ended at this instant, by PostgreSQL's clock; `null`: nothing may. */
  readonly reapBeforeMs: () => number | null;
  /** How often to look when no lease ends earlier. */
  readonly intervalMs: number;
  readonly registry: WorkerRegistry;
  /** Every attempt that anything in this process has to do with, as refKey names it. */
  readonly known: () => ReadonlySet<string>;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
}

/** Takes tasks back from workers and coordinators whose lease has ended. Any coordinator may do it, for all. */
export class Reaper implements Service {
  readonly #loop: Loop;
  /** Of the monotonic clock. */
  #nextCompareMs = 0;

  constructor(private readonly deps: ReaperDeps) {
    this.#loop = new Loop({
      pass: () => this.passOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'reap' });
        deps.logger.warn({ err: error }, 'could not reap; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** A session ended or began: what is in limbo may be settled. */
  wake(): void {
    this.#loop.wake();
  }

  /** One look at all leases. Returns how long to wait for the next. */
  async passOnce(): Promise<number> {
    const { coordinatorId, intervalMs, limbo, logger, pool } = this.deps;
    if (this.deps.reapBeforeMs() !== null) this.#note(await loseOrphans(pool));
    this.#note(await limbo.settle(this.deps.reapBeforeMs()));
    this.#note(await this.#loseUnknownRuns());
    const untilMs = await nextLeaseEndMs(pool, coordinatorId);
    const mostMs = limbo.fresh ? Math.min(FRESH_LIMBO_MS, intervalMs) : intervalMs;
    if (untilMs === null) return mostMs;
    if (untilMs >= 0) return Math.min(mostMs, untilMs + Math.random() * JITTER_MS);
    const beforeMs = this.deps.reapBeforeMs();
    if (beforeMs === null) return Math.min(mostMs, 1_000);
    const { workerIds, lost } = await reapWorkers(pool, beforeMs);
    for (const workerId of workerIds) {
      logger.warn({ workerId }, 'the lease of a worker has ended; its tasks go back');
      this.deps.hub.publish({ kind: 'WORKER_LOST', workerId });
    }
    this.#note(lost);
    this.#note(await reapCoordinators(pool, coordinatorId, beforeMs));
    // What its own coordinator still has to settle, or a lease that is waited for on purpose, ends by itself.
    return JITTER_MS + Math.random() * JITTER_MS;
  }

  /**
   * A start can be recorded late, after its worker has lost its lease, registered here anew and did not name it. Nobody
   * else would find out while that worker lives.
   */
  async #loseUnknownRuns(): Promise<LostAttempt[]> {
    const { coordinatorId, intervalMs, pool, registry } = this.deps;
    const now = performance.now();
    if (now < this.#nextCompareMs) return [];
    const runs = await listOwnRuns(pool, coordinatorId);
    // Afterwards, so that what was recorded before is known, unless it has ended since.
    const known = this.deps.known();
    const unknown = runs.flatMap(({ attempt, taskId, workerId }) => {
      const session = registry.get(workerId);
      return session === undefined || known.has(refKey({ attempt, taskId }))
        ? []
        : [{ taskId, attempt, sessionId: session.id }];
    });
    const lost = await loseRuns(pool, unknown);
    this.#nextCompareMs = now + COMPARE_INTERVALS * intervalMs;
    return lost;
  }

  #note(lost: readonly LostAttempt[]): void {
    for (const { taskId, attempt, workerId, state } of lost) {
      this.deps.logger.warn({ taskId, attempt, workerId, state }, 'an attempt was lost');
      this.deps.metrics.lost.inc();
      this.deps.hub.publish({
        kind: 'TASK_LOST',
        taskId,
        attempt,
        state,
        ...(workerId === null ? {} : { workerId }),
      });
    }
  }
}
