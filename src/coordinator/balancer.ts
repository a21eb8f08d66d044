import { countMembers } from '../db/count-members.ts';
import type { Queryable } from '../db/pool.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

/** How often to look, in units of the interval; and how soon again while workers are moving. */
const LOOK_INTERVALS = 3;
const SOON_MS = 1_000;
/** Most workers that are asked in one pass. */
const MOST_ASKED = 100;
/** A worker that stays has its reasons: it is not asked again before. */
const ASK_AGAIN_MS = 10 * 60_000;
/** A worker that was asked, and whose session ends within this time, has moved. */
const MOVES_WITHIN_MS = 10_000;
/** Who renews its lease three times as often as it ends has more than this left of it; others are cut off or dead. */
const LEFT_INTERVALS = 1.8;
/** With fewer sessions than this no coordinator has too many. */
const FEWEST = 2;

export interface BalancerDeps {
  readonly db: Queryable;
  readonly registry: WorkerRegistry;
  readonly intervalMs: number;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  readonly monotonicMs?: () => number;
}

/**
 * Spreads workers over coordinators: one that has more than its share asks some of its workers to look for another.
 * They decide; what they run is not touched. Whoever joins is found by the others, so nobody has to tell of itself.
 */
export class Balancer implements Service {
  readonly #loop: Loop;
  readonly #askedAtMs = new WeakMap<WorkerSession, number>();
  readonly #monotonicMs: () => number;

  constructor(private readonly deps: BalancerDeps) {
    this.#monotonicMs = deps.monotonicMs ?? (() => performance.now());
    this.#loop = new Loop({
      pass: () => this.passOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'balance' });
        deps.logger.warn({ err: error }, 'could not see whether workers are spread; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** A worker has come: with several at once, many may have chosen the same coordinator. */
  wake(): void {
    this.#loop.wake();
  }

  /** The session has ended. Returns whether its worker has moved, since it was asked to. */
  ended(session: WorkerSession): boolean {
    const moved = this.#sinceAsked(session) < MOVES_WITHIN_MS;
    if (moved) this.deps.metrics.rebalanced.inc();
    return moved;
  }

  /** One look. Returns how long to wait for the next. */
  async passOnce(): Promise<number> {
    const { db, intervalMs, logger, registry } = this.deps;
    const lookMs = LOOK_INTERVALS * intervalMs;
    if (registry.size < FEWEST) return lookMs;
    const { coordinators, workers } = await countMembers(db, LEFT_INTERVALS * intervalMs);
    const sessions = registry.all();
    const moving = sessions.filter((session) => this.#sinceAsked(session) < MOVES_WITHIN_MS);
    const excess = excessOf(sessions.length, workers, coordinators);
    const asked = sessions
      .filter((session) => !session.draining && this.#sinceAsked(session) >= ASK_AGAIN_MS)
      // Those with the least to do have the least on its way to them.
      .sort((a, b) => a.inHand().length - b.inHand().length)
      .slice(0, Math.min(MOST_ASKED, Math.max(0, excess - moving.length)));
    for (const session of asked) {
      this.#askedAtMs.set(session, this.#monotonicMs());
      session.send({ kind: 'rebalance' });
    }
    if (asked.length > 0) {
      const about = { asked: asked.length, sessions: sessions.length, workers, coordinators };
      logger.info(about, 'asked workers to look for a coordinator with fewer');
    }
    return excess > 0 && asked.length + moving.length > 0 ? Math.min(SOON_MS, lookMs) : lookMs;
  }

  #sinceAsked(session: WorkerSession): number {
    return this.#monotonicMs() - (this.#askedAtMs.get(session) ?? -Infinity);
  }
}

/** How many of so many sessions are too many here. A tenth more than the share is not worth moving anybody for. */
export function excessOf(sessions: number, workers: number, coordinators: number): number {
  const share = Math.ceil(Math.max(workers, sessions) / Math.max(1, coordinators));
  const tolerance = Math.floor(share / 10);
  return sessions > share + tolerance ? sessions - share : 0;
}
