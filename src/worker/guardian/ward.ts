import type { Usage } from '../../domain/usage.ts';
import { cgroupUsage } from './cgroup.ts';
import type { ProcessEntry, ProcessId } from './process-entry.ts';

/** Between samples: a quarter of the attempt's age so far, within these bounds. */
const FIRST_SAMPLE_MS = 100;
const LONGEST_SAMPLE_MS = 1_000;

/** How an attempt is being brought to its end. */
export interface Ending {
  /** Who asked for it; they are answered once. */
  readonly requests: number[];
  readonly sparesBackground: boolean;
  readonly sinceMs: number;
  /** When there was last one less of them, or a new one. */
  progressMs: number;
  /** How many were found at the last look. */
  left: number;
  /** Looks that found something to kill. */
  rounds: number;
  /** Pids that were signalled. */
  readonly signalled: Set<number>;
}

/**
 * `live`: its command runs. `ending`: what is left of it is being killed, or looked at for the last time if it may live.
 * `killed`: the end; whatever of it turns up later is killed. `spared`: the end; what is left may live.
 */
export type WardState = 'live' | 'ending' | 'killed' | 'spared';

export interface WardOptions {
  readonly key: string;
  readonly leader: ProcessId | null;
  readonly cgroup: string | null;
  /** In the unit of {@link ProcessId.start}: nothing of it is older. */
  readonly beganTick: number;
  readonly nowMs: number;
  /** Something that a worker before this one left behind. */
  readonly isLeftover: boolean;
  readonly scale: Scale;
}

/** What a {@link ProcessEntry} counts in. */
export interface Scale {
  readonly ticksPerSecond: number;
  readonly bytesPerPage: number;
}

/** An attempt as its companion sees it: a set of processes, whatever became of the one that began it. */
export class Ward {
  readonly key: string;
  readonly leader: ProcessId | null;
  readonly cgroup: string | null;
  readonly beganTick: number;
  readonly isLeftover: boolean;
  state: WardState = 'live';
  ending: Ending | null = null;
  /** When it was `killed` or `spared`. */
  endedTick = Infinity;
  /** As last seen. */
  members: readonly ProcessEntry[] = [];

  readonly #beganMs: number;
  readonly #scale: Scale;
  #sampledMs: number | null = null;
  #cpuTicks = 0;
  #peakPages = 0;
  #counted: Usage | null = null;

  constructor(options: WardOptions) {
    this.key = options.key;
    this.leader = options.leader;
    this.cgroup = options.cgroup;
    this.beganTick = options.beganTick;
    this.isLeftover = options.isLeftover;
    this.#beganMs = options.nowMs;
    this.#scale = options.scale;
  }

  /** One for processes of no attempt in particular. */
  static ended(state: 'killed' | 'spared'): Ward {
    const scale = { ticksPerSecond: 1, bytesPerPage: 1 };
    const ward = new Ward({ key: '', leader: null, cgroup: null, beganTick: 0, nowMs: 0, isLeftover: true, scale });
    ward.state = state;
    return ward;
  }

  get nextSampleMs(): number {
    if (this.#sampledMs === null) return this.#beganMs + FIRST_SAMPLE_MS;
    const quarter = (this.#sampledMs - this.#beganMs) / 4;
    return this.#sampledMs + Math.min(LONGEST_SAMPLE_MS, Math.max(FIRST_SAMPLE_MS, quarter));
  }

  /** `members` are its processes as found at `nowMs`. */
  sample(members: readonly ProcessEntry[], nowMs: number): void {
    this.members = members;
    if (members.length === 0) return;
    this.#sampledMs = nowMs;
    let cpuTicks = 0;
    let pages = 0;
    for (const entry of members) {
      cpuTicks += entry.cpuTicks;
      pages += entry.residentPages;
    }
    // What a process took that has ended since is not in the sum any more, unless its parent waited for it.
    this.#cpuTicks = Math.max(this.#cpuTicks, cpuTicks);
    this.#peakPages = Math.max(this.#peakPages, pages);
  }

  /** What its cgroup has counted, if it has one; to be called before that is removed. */
  sampleCgroup(): void {
    if (this.cgroup !== null) this.#counted = cgroupUsage(this.cgroup);
  }

  /** Exact where its cgroup counts it, else what the samples say; not measured when there was none. */
  get usage(): Usage {
    const counted = this.#counted;
    const { ticksPerSecond, bytesPerPage } = this.#scale;
    const isSampled = this.#sampledMs !== null;
    return {
      cpuMs: counted?.cpuMs ?? (isSampled ? Math.round((this.#cpuTicks * 1_000) / ticksPerSecond) : null),
      peakMemoryBytes: counted?.peakMemoryBytes ?? (isSampled ? this.#peakPages * bytesPerPage : null),
    };
  }
}
