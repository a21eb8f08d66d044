import { needsOperator } from '../db/unavailable.ts';
import type { Service } from '../runtime/service.ts';
import { Wake } from './wake.ts';

/**
 * After a pass that failed: how long to wait before the next, give or take a half; doubles from the first to the most,
 * and to the last while nothing helps but somebody who mends it.
 */
const RETRY_MS = { first: 100, most: 2_000, unmended: 10_000 };

export interface LoopOptions {
  /** One round of work. Returns how long to wait for the next unless woken, in milliseconds; 0: there is more to do. */
  readonly pass: () => Promise<number>;
  /** A pass has thrown; the next one comes after a pause that grows and cannot be cut short. */
  readonly onError: (error: unknown) => void;
  /** Longest that pause, give or take a half, when 2 s is too long; whatever the fault. */
  readonly mostRetryMs?: number;
}

/** Runs passes until it is stopped; a pass under way is finished first. */
export class Loop implements Service {
  readonly #wake = new Wake();
  readonly #stopping = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #pass: Promise<number> = Promise.resolve(0);

  constructor(private readonly options: LoopOptions) {}

  start(): Promise<void> {
    this.#done = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  /** There may be something to do. While a pass works this is remembered for the next one. */
  wake(): void {
    this.#wake.wake();
  }

  /** Settles when the pass that works at this moment, if any, has ended. */
  async passUnderWay(): Promise<void> {
    await this.#pass.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = 0;
    while (!signal.aborted) {
      try {
        this.#pass = this.options.pass();
        const waitMs = await this.#pass;
        retryMs = 0;
        if (waitMs > 0) await this.#wake.wait(waitMs, signal);
      } catch (error) {
        this.options.onError(error);
        const usualMs = needsOperator(error) ? RETRY_MS.unmended : RETRY_MS.most;
        retryMs = Math.min(usualMs, this.options.mostRetryMs ?? Infinity, Math.max(RETRY_MS.first, retryMs * 2));
        await new Wake().wait(retryMs * (0.5 + Math.random()), signal);
      }
    }
  }
}
