import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';

/** Nothing to ask: until there is. */
const IDLE_MS = 60_000;

export interface OwnershipDeps {
  /** The own lease is valid. */
  readonly valid: () => boolean;
  /** Drops claims that are not ours any more. `anew`: all of them, since others have removed this coordinator. */
  readonly confirmClaims: (anew: boolean) => Promise<void>;
  /** Claims are confirmed: dispatching and claiming may go on. */
  readonly onOwning: () => void;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
}

/**
 * Whether what this coordinator claimed is still its own. After its lease has lapsed others may have taken it, so it is
 * asked for before anything is dispatched. Apart from renewing, which must not wait for it.
 */
export class Ownership implements Service {
  readonly #loop: Loop;
  #confirmed = false;
  #asked = false;
  #anew = false;
  #era = 0;

  constructor(private readonly deps: OwnershipDeps) {
    this.#loop = new Loop({
      pass: () => this.#confirmOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'confirm_claims' });
        deps.logger.warn({ err: error }, 'could not find out what is still claimed here; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** What this coordinator claimed is its own, and may be dispatched. */
  get owns(): boolean {
    return this.#confirmed && this.deps.valid();
  }

  /**
   * Another number after each time at which claims may have been taken. A claim whose answer comes in another era than
   * the one that it was sent in may be somebody else's by then.
   */
  get era(): number {
    return this.#era;
  }

  /** Claims may have been taken. `anew`: others had removed this coordinator. */
  doubt(anew: boolean): void {
    this.#era++;
    this.#confirmed = false;
    this.#anew ||= anew;
    this.recheck();
  }

  /** Something about claims may have been missed, such as a notification; they are still its own. */
  recheck(): void {
    this.#asked = true;
    this.#loop.wake();
  }

  async #confirmOnce(): Promise<number> {
    if (!this.#asked || !this.deps.valid()) return IDLE_MS;
    const era = this.#era;
    this.#asked = false;
    try {
      await this.deps.confirmClaims(this.#anew);
    } catch (error) {
      this.#asked = true;
      throw error;
    }
    // What began before a lapse says nothing about what is owned after it.
    if (era !== this.#era) return 0;
    this.#anew = false;
    this.#confirmed = true;
    this.deps.onOwning();
    return 0;
  }
}
