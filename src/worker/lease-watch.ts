import { Lease } from './lease.ts';
import { Alarm } from './timer.ts';

/** A lease, and what happens when it ends. */
export class LeaseWatch {
  readonly #lease: Lease;
  readonly #alarm = new Alarm();

  constructor(
    now: () => number,
    private readonly onEnded: () => void,
  ) {
    this.#lease = new Lease(now);
  }

  /** See {@link Lease.grant}. */
  grant(sentAtMs: number, leaseMs: number): void {
    this.#lease.grant(sentAtMs, leaseMs);
    this.#watch();
  }

  /** See {@link Lease.extend}. */
  extend(untilMs: number): boolean {
    const extended = this.#lease.extend(untilMs);
    if (extended) this.#watch();
    return extended;
  }

  isHeld(): boolean {
    return this.#lease.isHeld();
  }

  msUntilFence(): number {
    return this.#lease.msUntilFence();
  }

  /** Nobody wants to know any more. */
  close(): void {
    this.#alarm.clear();
  }

  #watch(): void {
    this.#alarm.set(this.#lease.msUntilFence(), () => (this.#lease.isHeld() ? this.#watch() : this.onEnded()));
  }
}
