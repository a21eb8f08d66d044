import { databaseFault } from '../db/unavailable.ts';

/** What is known of a PostgreSQL that does not serve this coordinator. */
export class Outage {
  /** Of the monotonic clock; `null`: it serves. */
  #sinceMs: number | null = null;
  #why = '';

  /** It is going on. */
  get on(): boolean {
    return this.#sinceMs !== null;
  }

  /** A statement that was sent at `sentAtMs` failed; `error` `undefined`: it is not answered. */
  note(sentAtMs: number, error?: unknown): void {
    this.#sinceMs ??= sentAtMs;
    this.#why = error === undefined ? 'it does not answer' : databaseFault(error);
  }

  end(): void {
    this.#sinceMs = null;
  }

  /** In words for people, such as "unavailable for 12 s: connection refused"; `null`: it serves. */
  describe(nowMs: number): string | null {
    if (this.#sinceMs === null) return null;
    return `unavailable for ${Math.round((nowMs - this.#sinceMs) / 1000)} s: ${this.#why}`;
  }
}
