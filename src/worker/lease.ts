/** Longest that the fence stays ahead of the deadline. */
const LONGEST_MARGIN_MS = 1_000;
const MARGIN_SHARE = 0.1;

/**
 * A worker's right to run what it has in hand. It begins when a Register or a heartbeat is *sent*, since PostgreSQL
 * renews the lease later than that, and ends a margin ahead of the deadline, so that killing is done before another
 * worker may start the same attempt. It lasts longer when nobody is in a position to take it. It outlives sessions: a worker that changes coordinators keeps it.
 *
 * `now` is a monotonic clock in milliseconds. It must go on while the process is stopped, and timers then fire late,
 * so whoever is about to start a command asks {@link Lease.isHeld} and does not rely on a timer.
 */
export class Lease {
  #grantedUntilMs = -Infinity;
  /** Nobody takes anything back before, whatever was granted since. */
  #heldOffUntilMs = -Infinity;
  #marginMs = LONGEST_MARGIN_MS;

  constructor(private readonly now: () => number) {}

  /** Renewed by something sent at `sentAtMs`; lasts `leaseMs` from there. */
  grant(sentAtMs: number, leaseMs: number): void {
    this.#marginMs = Math.min(LONGEST_MARGIN_MS, leaseMs * MARGIN_SHARE);
    this.#grantedUntilMs = sentAtMs + leaseMs;
  }

  /**
   * Not renewed, but nobody takes anything back before `untilMs`. Says whether that lengthened it. One that has ended
   * stays so: what it kept may have been taken back before anybody said so.
   */
  extend(untilMs: number): boolean {
    if (!this.isHeld() || untilMs - this.#marginMs <= this.#fenceAtMs) return false;
    this.#heldOffUntilMs = untilMs;
    return true;
  }

  isHeld(): boolean {
    return this.now() < this.#fenceAtMs;
  }

  /** Milliseconds until running commands must be killed; 0 when that is due. */
  msUntilFence(): number {
    return Math.max(0, this.#fenceAtMs - this.now());
  }

  get #fenceAtMs(): number {
    return Math.max(this.#grantedUntilMs, this.#heldOffUntilMs) - this.#marginMs;
  }
}
