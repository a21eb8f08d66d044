/**
 * Whether this coordinator may take back what others own. Not before its own renewals have succeeded for a full lease
 * without a gap: after PostgreSQL was away everybody gets that long to renew, so that nobody is lost for an outage that
 * was not theirs.
 *
 * It is also what makes {@link holdOff} true: whoever says it has no right to reap at that moment, and gets one a full
 * lease later at the earliest. The promise and the wait are the same length, so nobody has to remember whom it was
 * given to.
 *
 * The lease is this coordinator's own. While a rolling restart changes HYDRA_LEASE_MS, those of others differ, and
 * nothing here depends on them: a worker goes on until the earliest of the promises that it was given, and each
 * coordinator keeps its own by waiting for as long as it has promised. What is taken is decided by `lease_until` in
 * PostgreSQL, which whoever renewed has put there. Two things do depend on the leases being similar. A coordinator with
 * a much shorter one reaps that much earlier after an outage, when workers of the others may not have renewed yet. And
 * one that is restarted keeps the promise of the process before it only by waiting for a lease that is not shorter.
 * Workers ask again every third of their lease, so the new lease should be no less than half of the old.
 */
export class ReapingRight {
  /** How long it holds off, in milliseconds. */
  readonly leaseMs: number;
  readonly #longestGapMs: number;
  /** Of the monotonic clock, as all times here. */
  #steadySinceMs = Infinity;
  #renewedAtMs = -Infinity;

  /** `intervalMs`: how often the own lease is renewed when all is well. */
  constructor(leaseMs: number, intervalMs: number) {
    this.leaseMs = leaseMs;
    this.#longestGapMs = 1.5 * intervalMs;
  }

  /** Whether leases that have ended by now may be taken. */
  holdsAt(nowMs: number): boolean {
    return nowMs - this.#renewedAtMs <= this.#longestGapMs && nowMs - this.#steadySinceMs >= this.leaseMs;
  }

  /** The own lease was renewed. */
  renewed(nowMs: number): void {
    if (nowMs - this.#renewedAtMs > this.#longestGapMs) this.#steadySinceMs = Infinity;
    this.#steadySinceMs = Math.min(this.#steadySinceMs, nowMs);
    this.#renewedAtMs = nowMs;
  }

  /**
   * Gives the right up until renewals have succeeded for a full lease again, from the next one on, and returns for how
   * long nothing will be taken, in milliseconds from the question that is answered with it.
   */
  holdOff(): number {
    this.#steadySinceMs = Infinity;
    return this.leaseMs;
  }
}
