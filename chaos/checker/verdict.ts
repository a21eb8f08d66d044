/** What must never happen, and what to call it. */
export const VIOLATIONS = {
  lost: 'accepted tasks that PostgreSQL does not have',
  doubled: 'two tasks for one key',
  unplanned: 'tasks that nobody planned, or that have another key than accepted',
  neverEnded: 'tasks that never ended',
  recordedTwice: 'results recorded twice, or after the end',
  fromNothing: 'exit codes of commands that never said that they ended',
  contradicted: 'results that the ledger or PostgreSQL itself contradicts',
  overlapped: 'attempts of one task that overlapped in time',
  early: 'starts before the scheduled time',
  ranTwice: 'attempts that were run twice',
  startedTooOften: 'tasks that were started more often than they may be',
  unknownAttempts: 'commands that ran, of which PostgreSQL has no record',
  endedOtherwise: 'tasks that ended otherwise than they may',
  withoutCause: 'commands that were stopped or run again without a cause',
  orphans: 'processes that were left over',
  unexpectedExits: 'processes of Hydra that ended by themselves',
  neverRecovered: 'faults that were not recovered from',
  ledgerCorrupt: 'lines of the ledger that cannot be true',
  auditIncomplete: 'tasks whose changes of state are not all known',
} as const;

export type Violation = keyof typeof VIOLATIONS;
export const VIOLATION_KINDS = Object.keys(VIOLATIONS) as readonly Violation[];

/** One violation and what shows it. */
export interface Finding {
  readonly violation: Violation;
  readonly evidence: string;
}

export interface Found {
  readonly count: number;
  /** What shows it, for the first few. */
  readonly examples: readonly string[];
}

/** How soon what faults of one kind had hit was served again. */
export interface Recovery {
  readonly kind: string;
  /** How many there were, those that were never recovered from included. */
  readonly faults: number;
  /** Milliseconds, in ascending order, of those that were. */
  readonly afterMs: readonly number[];
}

/** How much there was to judge. */
export interface Totals {
  readonly planned: number;
  readonly accepted: number;
  /** How many tasks of each kind are in which state, by kind and state. */
  readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Start lines in the ledger. */
  readonly starts: number;
  /** Ends of attempts that PostgreSQL has. */
  readonly recorded: number;
  /** Attempts that ended as `worker_lost`, started or not. */
  readonly lostAttempts: number;
  /** Commands that were started once more since an attempt that had started was lost: at least once, by design. */
  readonly startedAgain: number;
  /** Attempts that were lost, which nothing explains but that the machine had no processor for Hydra's processes. */
  readonly lostToBusyMachine: number;
}

export interface Verdict {
  /** There is no violation. */
  readonly holds: boolean;
  readonly totals: Totals;
  readonly violations: Readonly<Record<Violation, Found>>;
  readonly recovery: readonly Recovery[];
}
