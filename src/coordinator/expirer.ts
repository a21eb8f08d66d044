import type { AttemptKey } from '../db/attempt-key.ts';
import { expireClaims } from '../db/expire-claims.ts';
import { expireTasks } from '../db/expire-tasks.ts';
import type { Queryable } from '../db/pool.ts';
import { refKey } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { EventHub } from './event-hub.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';

/** When others end at this moment what should end now: how soon to look again. */
const OTHERS_MS = 100;
/** After it was told of tasks: how soon to look whether they must not wait for long. */
const SOON_MS = 250;

type Ended = Awaited<ReturnType<typeof expireTasks>>['ended'];

export interface ExpirerDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** The own lease is valid. */
  readonly owns: () => boolean;
  /** How often to look when nothing ends earlier. */
  readonly pollMs: number;
}

/**
 * Ends tasks that have waited for longer than they may: past their start deadline, or past the time that all attempts
 * may take together. Those that nobody has claimed any coordinator ends, for all; claimed ones their owner does.
 */
export class Expirer implements Service {
  readonly #loop: Loop;
  readonly #claims = new Map<string, AttemptKey>();
  #soon: NodeJS.Timeout | null = null;

  constructor(private readonly deps: ExpirerDeps) {
    this.#loop = new Loop({
      pass: () => this.passOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'expire' });
        deps.logger.warn({ err: error }, 'could not end tasks that have waited too long; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    if (this.#soon !== null) clearTimeout(this.#soon);
    return this.#loop.stop();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** There are new tasks. They may come all the time, so that it does not look for each. */
  wakeSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#loop.wake();
    }, SOON_MS);
  }

  /** Own claims that have lapsed; nothing sends them any more. */
  end(claims: readonly AttemptKey[]): void {
    for (const { attempt, taskId } of claims) this.#claims.set(refKey({ taskId, attempt }), { taskId, attempt });
    this.#loop.wake();
  }

  /** Claims, as refKey names them, that are about to be ended. */
  keys(): Iterable<string> {
    return this.#claims.keys();
  }

  /** Claims that were not ended and are now the caller's. */
  take(): AttemptKey[] {
    const claims = [...this.#claims.values()];
    this.#claims.clear();
    return claims;
  }

  /** One look. Returns how long to wait for the next. */
  async passOnce(): Promise<number> {
    const { db, owns, pollMs } = this.deps;
    if (!owns()) return pollMs;
    await this.#endClaims();
    const { ended, nextInMs } = await expireTasks(db);
    this.#note(ended);
    if (nextInMs === null) return pollMs;
    return Math.min(pollMs, Math.max(ended.length > 0 ? 0 : OTHERS_MS, nextInMs));
  }

  /** What PostgreSQL does not end now is not ours any more, or was cancelled; the sweep of the claim loop sees to it. */
  async #endClaims(): Promise<void> {
    const claims = [...this.#claims];
    if (claims.length === 0) return;
    this.#note(
      await expireClaims(
        this.deps.db,
        this.deps.coordinatorId,
        claims.map(([, key]) => key),
      ),
    );
    for (const [key] of claims) this.#claims.delete(key);
  }

  #note(ended: Ended): void {
    const { hub, logger, metrics } = this.deps;
    for (const { state, taskId } of ended) {
      metrics.ended.inc({ state });
      logger.info({ taskId, state }, 'a task has waited for longer than it may');
      hub.publish({ kind: 'TASK_ENDED', taskId, state, ...(state === 'failed' ? { reason: 'timed_out' } : {}) });
    }
  }
}
