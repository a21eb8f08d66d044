import { Alarm } from '../timer.ts';
import { monotonicMs } from './monotonic-clock.ts';

/** Rings when the lease has ended, unless it was told of a later end before. */
export class LeaseAlarm {
  #endsAtMs = Infinity;
  readonly #alarm = new Alarm();

  constructor(private readonly ring: () => void) {}

  /** False also as long as no lease was told of. */
  get hasEnded(): boolean {
    return this.#endsAtMs <= monotonicMs();
  }

  /** By {@link monotonicMs}. */
  set(endsAtMs: number): void {
    this.#endsAtMs = endsAtMs;
    this.#alarm.set(endsAtMs - monotonicMs(), () => this.#due());
  }

  /**
   * This process may have been busy or halted itself, and the news of a later end wait to be read: what has come in is
   * heard first. And a timer may be early by a fraction of a millisecond.
   */
  #due(): void {
    setImmediate(() => {
      if (this.hasEnded) this.ring();
      else this.set(this.#endsAtMs);
    });
  }
}
