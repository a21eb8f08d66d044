import { TICK_SLACK, type ProcessEntry, type ProcessId } from './process-entry.ts';
import { MARK_VARIABLE, parseMark, type ProcessMark } from './process-mark.ts';
import type { ProcInfo } from './protocol.ts';
import type { Ward } from './ward.ts';

/** What can be asked of a process beyond its entry; each answer costs a look into /proc. */
export interface Inspector {
  readonly ticksPerSecond: number;
  /** See ProcessTable.variable. */
  variable(process: ProcessId, name: string): string | undefined | null;
  realTimeLimit(process: ProcessId): string | null;
}

export interface CensusOptions extends Pick<ProcInfo, 'worker' | 'instance' | 'workerMark'> {
  readonly inspector: Inspector;
  /** The companion's own pid. */
  readonly self: number;
}

/** One look at all processes. */
export interface Sight {
  readonly processes: ReadonlyMap<number, ProcessEntry>;
  /** When it was, in the unit of {@link ProcessId.start}. */
  readonly tick: number;
  /** By the key of the attempt. */
  readonly wards: ReadonlyMap<string, Ward>;
  /** Which cgroup of a ward a pid is in. */
  readonly inCgroup: ReadonlyMap<number, Ward>;
}

export interface MarkedProcess {
  readonly entry: ProcessEntry;
  readonly mark: ProcessMark;
}

export interface Count {
  readonly byWard: Map<Ward, ProcessEntry[]>;
  /** Started by this worker, as its mark on them says, and claimed by no ward. */
  readonly strays: ProcessEntry[];
  /** Their environment names an attempt of this guardian that is not among the wards. */
  readonly unknown: MarkedProcess[];
}

type Verdict =
  | { readonly kind: 'ward'; readonly ward: Ward }
  /** Something that the worker runs for itself. */
  | { readonly kind: 'helper' }
  | { readonly kind: 'stray' }
  | { readonly kind: 'unknown'; readonly mark: ProcessMark }
  | { readonly kind: 'foreign' };

interface Remembered {
  readonly start: number;
  readonly verdict: Verdict;
}

interface Session {
  readonly ward: Ward;
  /** `null`: it had ended when the session was found. */
  readonly leaderStart: number | null;
}

const FOREIGN: Verdict = { kind: 'foreign' };
const HELPER: Verdict = { kind: 'helper' };
const STRAY: Verdict = { kind: 'stray' };

/** Between fork and exec a process still shows the environment of its parent. Until this age it is looked at again. */
const YOUNG_SECONDS = 2;

/**
 * Says whose each process is. It is a ward's when it is in its cgroup, is its leader, is in a session that one of its
 * processes began, was its own before, was started by one that is, or has its mark in the environment. What is said of
 * a process is remembered by number and start, so that it holds when its parent is gone, and never for another process
 * that got the number.
 */
export class Census {
  readonly #options: CensusOptions;
  #verdicts = new Map<number, Remembered>();
  #sessions = new Map<number, Session>();

  constructor(options: CensusOptions) {
    this.#options = options;
  }

  /** Whether everything in that session is a ward's. */
  owns(session: number): boolean {
    return this.#sessions.has(session);
  }

  /** The session that its leader leads is the ward's, even when the leader has ended before anybody looked. */
  begin(ward: Ward): void {
    if (ward.leader) this.#sessions.set(ward.leader.pid, { ward, leaderStart: ward.leader.start });
  }

  /** From now on it is that ward's, and what it starts, too. */
  adopt(entry: ProcessEntry, ward: Ward): void {
    this.#verdicts.set(entry.pid, { start: entry.start, verdict: { kind: 'ward', ward } });
    if (entry.pid === entry.session) this.#sessions.set(entry.session, { ward, leaderStart: entry.start });
  }

  take(sight: Sight): Count {
    this.#forgetSessions(sight);
    const leaders = new Map<number, Ward>();
    for (const ward of sight.wards.values()) {
      if (ward.leader === null) continue;
      leaders.set(ward.leader.pid, ward);
    }
    let verdicts: Map<number, Verdict>;
    do verdicts = this.#judge(sight, leaders);
    while (this.#learnSessions(sight, verdicts));
    this.#remember(sight, verdicts);
    return toCount(sight, verdicts);
  }

  /** A session's number stays taken while it has a member, so a leader with another start began a new one. */
  #forgetSessions({ processes }: Sight): void {
    const kept = new Map<number, Session>();
    for (const { session } of processes.values()) {
      const known = this.#sessions.get(session);
      if (!known || kept.has(session)) continue;
      const leader = processes.get(session);
      if (!leader || leader.start === known.leaderStart) kept.set(session, known);
    }
    this.#sessions = kept;
  }

  #judge(sight: Sight, leaders: ReadonlyMap<number, Ward>): Map<number, Verdict> {
    const verdicts = new Map<number, Verdict>();
    for (const entry of sight.processes.values()) {
      // Up to the first ancestor of which something can be said for itself, and down again.
      const path: ProcessEntry[] = [];
      let verdict: Verdict | undefined;
      for (let at: ProcessEntry | undefined = entry; at && !verdict; at = parentOf(at, sight)) {
        // The entries are not of one instant, so that a circle cannot quite be ruled out.
        if (path.length > sight.processes.size) break;
        verdict = verdicts.get(at.pid) ?? this.#byItself(at, sight, leaders);
        if (verdict) verdicts.set(at.pid, verdict);
        else path.push(at);
      }
      for (let at = path.pop(); at; at = path.pop()) {
        verdict = inherited(verdict) ?? this.#byInspection(at, sight);
        verdicts.set(at.pid, verdict);
      }
    }
    return verdicts;
  }

  /** What is known without asking about its parent. */
  #byItself(entry: ProcessEntry, sight: Sight, leaders: ReadonlyMap<number, Ward>): Verdict | undefined {
    const { self, worker } = this.#options;
    if (entry.pid === self || isSame(entry, worker)) return FOREIGN;
    const leads = leaders.get(entry.pid);
    const isLeader = leads?.leader?.start === entry.start ? leads : undefined;
    const ward = sight.inCgroup.get(entry.pid) ?? isLeader ?? this.#sessions.get(entry.session)?.ward;
    if (ward) return { kind: 'ward', ward };
    const known = this.#verdicts.get(entry.pid);
    return known?.start === entry.start ? known.verdict : undefined;
  }

  #byInspection(entry: ProcessEntry, sight: Sight): Verdict {
    const { inspector, instance, worker, workerMark } = this.#options;
    const mark = parseMark(inspector.variable(entry, MARK_VARIABLE) ?? '');
    if (mark?.instance === instance) {
      const ward = sight.wards.get(mark.key);
      return ward ? { kind: 'ward', ward } : { kind: 'unknown', mark };
    }
    const parent = sight.processes.get(entry.parent);
    if (parent && isSame(parent, worker)) return HELPER;
    return workerMark !== null && inspector.realTimeLimit(entry) === workerMark ? STRAY : FOREIGN;
  }

  /** Whether sessions were found that were not known to be a ward's: others in them may be judged anew. */
  #learnSessions({ processes }: Sight, verdicts: Map<number, Verdict>): boolean {
    let learned = false;
    for (const entry of processes.values()) {
      const verdict = verdicts.get(entry.pid);
      if (verdict?.kind !== 'ward' || this.#sessions.has(entry.session)) continue;
      const { ward } = verdict;
      const leader = processes.get(entry.session);
      const leading = leader && verdicts.get(leader.pid);
      const begunByWard = leading?.kind === 'ward' && leading.ward === ward;
      // Its leader has ended: it cannot be older than the attempt then.
      const begunSince =
        !leader && every(processes, (other) => other.session !== entry.session || other.start >= ward.beganTick);
      if (!begunByWard && !begunSince) continue;
      this.#sessions.set(entry.session, { ward, leaderStart: leader?.start ?? null });
      for (const other of processes.values()) {
        if (other.session === entry.session) this.#verdicts.delete(other.pid);
      }
      learned = true;
    }
    return learned;
  }

  #remember({ processes, tick }: Sight, verdicts: ReadonlyMap<number, Verdict>): void {
    const oldTick = tick - YOUNG_SECONDS * this.#options.inspector.ticksPerSecond;
    const remembered = new Map<number, Remembered>();
    for (const [pid, { start }] of processes) {
      const verdict = verdicts.get(pid);
      const lasts = verdict?.kind === 'ward' || verdict?.kind === 'stray';
      if (verdict && (lasts || (verdict.kind === 'foreign' && start < oldTick))) {
        remembered.set(pid, { start, verdict });
      }
    }
    this.#verdicts = remembered;
  }
}

function isSame(entry: ProcessId, other: ProcessId): boolean {
  return entry.pid === other.pid && entry.start === other.start;
}

/** A parent that is younger than its child is another process, which got the number of one that has ended. */
function parentOf(entry: ProcessEntry, { processes }: Sight): ProcessEntry | undefined {
  const parent = processes.get(entry.parent);
  return parent && parent.pid !== entry.pid && parent.start <= entry.start + TICK_SLACK ? parent : undefined;
}

function inherited(parent: Verdict | undefined): Verdict | undefined {
  return parent && (parent.kind === 'ward' || parent.kind === 'helper' || parent.kind === 'unknown')
    ? parent
    : undefined;
}

function every(processes: ReadonlyMap<number, ProcessEntry>, holds: (entry: ProcessEntry) => boolean): boolean {
  for (const entry of processes.values()) if (!holds(entry)) return false;
  return true;
}

function toCount({ processes }: Sight, verdicts: ReadonlyMap<number, Verdict>): Count {
  const count: Count = { byWard: new Map(), strays: [], unknown: [] };
  for (const entry of processes.values()) {
    const verdict = verdicts.get(entry.pid);
    if (verdict?.kind === 'stray') count.strays.push(entry);
    else if (verdict?.kind === 'unknown') count.unknown.push({ entry, mark: verdict.mark });
    else if (verdict?.kind === 'ward') {
      const entries = count.byWard.get(verdict.ward);
      if (entries) entries.push(entry);
      else count.byWard.set(verdict.ward, [entry]);
    }
  }
  return count;
}
