import type { Logger } from '../runtime/logger.ts';
import { Alarm } from './timer.ts';

export interface DepartureOptions {
  readonly logger: Logger;
  readonly now: () => number;
  /** The worker takes so many attempts, then leaves; `null`: any number. */
  readonly maxTasks: number | null;
  /** It leaves when it had nothing in hand for so long; `null`: it stays. */
  readonly idleExitMs: number | null;
  /** It takes nothing new from now on. */
  readonly onDraining: () => void;
  /** What still runs is to be stopped and handed back. */
  readonly onHandBack: () => void;
}

/** Decides that a worker leaves, and how long it waits for what it runs. */
export class Departure {
  #taken = 0;
  #draining = false;
  #handingBack = false;
  #handBackAtMs = Infinity;
  #idle = false;
  readonly #handBackAlarm = new Alarm();
  readonly #idleAlarm = new Alarm();

  constructor(private readonly options: DepartureOptions) {}

  get draining(): boolean {
    return this.#draining;
  }

  /** Nothing is started any more: what comes nevertheless is handed back. */
  get handingBack(): boolean {
    return this.#handingBack;
  }

  /** How many attempts it takes yet. */
  get remaining(): number {
    return Math.max(0, (this.options.maxTasks ?? Infinity) - this.#taken);
  }

  /** An attempt was taken. */
  took(): void {
    this.#taken += 1;
    this.#idle = false;
    this.#idleAlarm.clear();
    // Without a time to be handed back at: it is not in a hurry.
    if (this.remaining === 0) this.drain(`it has taken ${this.#taken} tasks`, null);
  }

  /** It has nothing in hand. Again: that is no news. */
  idle(): void {
    const { idleExitMs } = this.options;
    if (idleExitMs === null || this.#draining || this.#idle) return;
    this.#idle = true;
    this.#idleAlarm.set(idleExitMs, () => this.drain(`it had nothing to do for ${idleExitMs} ms`, null));
  }

  /** Again: it can only leave sooner. `timeoutMs`: after it, what still runs is handed back; `null`: never. */
  drain(why: string, timeoutMs: number | null): void {
    this.#idleAlarm.clear();
    if (!this.#draining) {
      this.#draining = true;
      this.options.logger.info({ why }, 'draining');
      this.options.onDraining();
    }
    if (timeoutMs === null || this.#handingBack) return;
    const handBackAtMs = this.options.now() + timeoutMs;
    if (handBackAtMs >= this.#handBackAtMs) return;
    this.#handBackAtMs = handBackAtMs;
    if (timeoutMs > 0) this.#handBackAlarm.set(timeoutMs, () => this.handBack('the drain timeout is over'));
    else this.handBack('it is not to wait');
  }

  /** Leaves as soon as what it runs is stopped. */
  handBack(why: string): void {
    if (this.#handingBack) return;
    this.#handingBack = true;
    this.#handBackAlarm.clear();
    this.drain(why, null);
    this.options.logger.warn({ why }, 'handing back what runs');
    this.options.onHandBack();
  }

  /** It has left. */
  close(): void {
    this.#handBackAlarm.clear();
    this.#idleAlarm.clear();
  }
}
