import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../runtime/logger.ts';

/** Shortest time between two wake-ups: 200 a second. NOTIFY takes a lock that all of PostgreSQL shares. */
const INTERVAL_MS = 5;
/** Pause after a wake-up that could not be sent. */
const RETRY_MS = 250;

/**
 * Limits how often this process wakes the coordinators, and loses no wake-up: what may not be announced at once is
 * announced by a statement of its own, soon after.
 */
export class WakeAnnouncer {
  readonly #announce: () => Promise<void>;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #lastMs = -Infinity;
  #owed = false;
  #paying: Promise<void> | undefined;

  constructor(announce: () => Promise<void>, logger: Logger) {
    this.#announce = announce;
    this.#logger = logger;
  }

  /** Whether the statement that is about to be sent may announce what it stores. */
  mayAnnounce(): boolean {
    const now = performance.now();
    if (now - this.#lastMs < INTERVAL_MS) return false;
    this.#lastMs = now;
    return true;
  }

  /** Tasks that are due were stored, and were not announced. */
  owe(): void {
    this.#owed = true;
    this.#paying ??= this.#pay();
  }

  /** Returns when nothing is owed any more. */
  async settled(): Promise<void> {
    await this.#paying;
  }

  /** Announces what is owed at once; what cannot be announced now is left to polling. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.settled();
  }

  async #pay(): Promise<void> {
    while (this.#owed) {
      await this.#pause(this.#lastMs + INTERVAL_MS - performance.now());
      this.#lastMs = performance.now();
      // Before the statement: what is stored while it is under way may come too late for it.
      this.#owed = false;
      try {
        await this.#announce();
      } catch (error) {
        if (this.#stopping.signal.aborted) break;
        this.#owed = true;
        this.#logger.warn({ err: error }, 'could not wake the coordinators; they find the tasks when they poll');
        await this.#pause(RETRY_MS);
      }
    }
    // In the same turn as the look at what is owed, so that no debt arises between the two.
    this.#paying = undefined;
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
