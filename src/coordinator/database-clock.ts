/** Crystals of two machines drift apart by at most about this much; NTP slews faster, but both of them alike. */
const DRIFT = 200e-6;

interface Sample {
  /** PostgreSQL's time minus ours, in milliseconds. */
  readonly offsetMs: number;
  /** Half of the round trip: the answer was made somewhere within it. */
  readonly errorMs: number;
  readonly takenAtMs: number;
}

/**
 * PostgreSQL's clock as seen from here: an offset to this process's monotonic clock, measured with every renewal of
 * the leases. Steps of either machine's wall clock do not matter; a step of PostgreSQL's is seen with the next sample.
 */
export class DatabaseClock {
  #sample: Sample | null = null;

  constructor(private readonly monotonicMs: () => number = () => performance.now()) {}

  /**
   * Takes a reading of PostgreSQL's clock that was asked for at `sentAtMs` of the monotonic clock and is just in. Returns
   * by how many milliseconds it is ahead of what could be expected: it was set, another server has taken over, or the
   * machine here was suspended.
   */
  observe(databaseMs: number, sentAtMs: number): number {
    const now = this.monotonicMs();
    const errorMs = (now - sentAtMs) / 2;
    const fresh: Sample = { offsetMs: databaseMs - (sentAtMs + errorMs), errorMs, takenAtMs: now };
    const old = this.#sample;
    const oldErrorMs = old === null ? Infinity : this.#errorOf(old, now);
    const aheadMs = old === null ? 0 : fresh.offsetMs - old.offsetMs;
    const stepped = Math.abs(aheadMs) > fresh.errorMs + oldErrorMs;
    if (old === null || stepped || fresh.errorMs <= oldErrorMs) this.#sample = fresh;
    return stepped ? Math.max(0, aheadMs) : 0;
  }

  /** The latest that PostgreSQL's clock can be read now without being ahead of it; ms since the epoch. */
  nowMs(): number {
    if (this.#sample === null) return -Infinity;
    const now = this.monotonicMs();
    return now + this.#sample.offsetMs - this.#errorOf(this.#sample, now);
  }

  #errorOf(sample: Sample, now: number): number {
    return sample.errorMs + (now - sample.takenAtMs) * DRIFT;
  }
}
