import { readFileSync } from 'node:fs';
import { MACHINE_TOO_BUSY, type InjectedFault } from './events.ts';

export interface BusyWatchOptions {
  /** Processes that must be able to run, now. */
  readonly pids: () => readonly number[];
  readonly leaseMs: number;
  readonly now: () => number;
  /** Milliseconds that a process was ready to run so far and had no processor; `null`: not known. */
  readonly waitedMs?: (pid: number) => number | null;
}

interface Sample {
  readonly atMs: number;
  readonly waitedMs: number;
}

interface Spell {
  readonly beganMs: number;
  endedMs: number;
}

const SAMPLE_MS = 200;
/**
 * A heartbeat may take a third of a lease, and several processes have a part in it. One that waits for this part of that
 * time alone may be late with it. Less than that is borne without a loss.
 */
const SHARE = 0.5;

/**
 * Watches whether the machine gives the processes of a run their turn. One that does not, since others want it, is a
 * fault, too: leases end that nothing else has ended.
 */
export class BusyWatch {
  readonly #options: Required<BusyWatchOptions>;
  readonly #windowMs: number;
  readonly #samples = new Map<number, Sample[]>();
  readonly #spells: Spell[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BusyWatchOptions) {
    this.#options = { waitedMs: readWaitedMs, ...options };
    this.#windowMs = options.leaseMs / 3;
  }

  start(): void {
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Done by itself once it is started. */
  sample(): void {
    const { leaseMs, now, pids, waitedMs } = this.#options;
    const atMs = now();
    for (const pid of pids()) {
      const waited = waitedMs(pid);
      if (waited === null) continue;
      const samples = [...(this.#samples.get(pid) ?? []), { atMs, waitedMs: waited }];
      // The first one is from before the window.
      while (samples.length > 2 && (samples[1]?.atMs ?? atMs) <= atMs - this.#windowMs) samples.shift();
      this.#samples.set(pid, samples);
      const first = samples[0] ?? { atMs, waitedMs: waited };
      if (waited - first.waitedMs < SHARE * this.#windowMs) continue;
      const last = this.#spells.at(-1);
      if (last !== undefined && first.atMs <= last.endedMs + leaseMs) last.endedMs = atMs;
      else this.#spells.push({ beganMs: first.atMs, endedMs: atMs });
    }
  }

  /** For how long it was so. */
  get busyMs(): number {
    return this.#spells.reduce((sum, { beganMs, endedMs }) => sum + endedMs - beganMs, 0);
  }

  /** When it was so. `workers`: whose attempts that may have cost. */
  faults(workers: readonly string[]): InjectedFault[] {
    return this.#spells.map(({ beganMs, endedMs }) => ({
      kind: MACHINE_TOO_BUSY,
      target: 'all processes',
      mayCost: workers,
      beganMs,
      healedMs: endedMs,
      recoveredAfterMs: 0,
      recovery: 'processes have their turn',
    }));
  }
}

/** Of its first thread, which is where Node.js does what matters. */
function readWaitedMs(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return null; // It has ended, or the kernel does not count this.
  }
}
