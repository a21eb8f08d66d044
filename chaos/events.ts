/**
 * What the parts of the harness tell each other. The checker is a pure function of a {@link History}: nothing in it
 * comes from Hydra's processes, except what PostgreSQL has stored.
 */

/** One line of the ledger, which commands append themselves. Instants are nanoseconds of the machine's wall clock. */
export type LedgerLine =
  | {
      /** The command has begun. `held`: it could take the lock of its task, so no other attempt of it was alive. */
      readonly kind: 'start';
      readonly key: string;
      readonly taskId: string;
      readonly attempt: number;
      readonly workerId: string;
      readonly pid: number;
      readonly atNs: bigint;
      readonly held: boolean;
    }
  | {
      /** The command is about to end by itself, with this exit status. */
      readonly kind: 'end';
      readonly key: string;
      readonly taskId: string;
      readonly attempt: number;
      readonly atNs: bigint;
      readonly exitCode: number;
    }
  | {
      /** A line that is none of these: torn, or written by something else. */
      readonly kind: 'corrupt';
      /** From 1. */
      readonly line: number;
      readonly text: string;
    };

/** What a task of the workload is for, and how it may end. */
export interface PlannedTask {
  /** Unique in the run; also its idempotency key. */
  readonly key: string;
  readonly kind: string;
  /** Body of `POST /schedule`, without the idempotency key. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch; `null`: at once. */
  readonly scheduledAtMs: number | null;
  /** How it may end, whatever faults come. */
  readonly mayEnd: readonly ('completed' | 'failed' | 'cancelled' | 'expired')[];
  /** It is never to be started more often than this, lost attempts included; `null`: any number. */
  readonly mostStarts: number | null;
  /** Cancelled by the client so long after it was accepted; `null`: not. */
  readonly cancelAfterMs: number | null;
  /** A signal of its own making ends its command, or too much output does. */
  readonly endsItself?: boolean;
}

/** What the client was told of a task. Written down with fsync before the next request goes out. */
export interface AcceptedTask {
  readonly key: string;
  /** From the 201 (or the 200 of a repetition). */
  readonly taskId: string;
}

/** A row of `tasks`, at the end. */
export interface StoredTask {
  readonly id: string;
  readonly key: string | null;
  readonly state: string;
  readonly attempt: number;
  readonly lostAttempts: number;
  readonly reason: string | null;
  readonly exitCode: number | null;
  readonly scheduledAtMs: number;
  readonly workerId: string | null;
}

/** A row of `past_attempts`, at the end. */
export interface StoredAttempt {
  readonly taskId: string;
  readonly attempt: number;
  readonly reason: string;
  readonly exitCode: number | null;
  readonly workerId: string | null;
}

/**
 * A change of state, written by a trigger of the harness in the transaction that made it, in the order of the changes of
 * a task.
 */
export interface Transition {
  readonly taskId: string;
  readonly attempt: number;
  /** A state; `new` when the task is inserted; the reason when an attempt is archived. */
  readonly from: string;
  /** A state; `archived`: the attempt has moved to `past_attempts`. */
  readonly to: string;
  readonly atMs: number;
}

/** The kind of a fault that nobody brings about: processes of the run had to wait for a processor. */
export const MACHINE_TOO_BUSY = 'machine too busy';

/** A fault as it was brought about. Instants are milliseconds of the harness's wall clock. */
export interface InjectedFault {
  readonly kind: string;
  /** What it was done to, such as `worker-2`. */
  readonly target: string;
  /**
   * Workers, as HYDRA_WORKER_ID names them, whose attempts it may cost: it ends them, or can end their leases. Of all
   * other workers every running command goes on and every result arrives; that is so for all of them when a coordinator
   * dies, PostgreSQL is away, or something is restarted gracefully.
   */
  readonly mayCost: readonly string[];
  readonly beganMs: number;
  /** When the harness had undone it (SIGCONT, links joined again, the process started anew); as `beganMs` for a kill that is not undone. */
  readonly healedMs: number;
  /** From `healedMs` (for a kill: from `beganMs`) until what it hit was served again; `null`: it never was. */
  readonly recoveredAfterMs: number | null;
  /** What counted as served again, in a few words. */
  readonly recovery: string;
}

/** A process that was still there when nothing should be. */
export interface Orphan {
  readonly pid: number;
  readonly command: string;
  readonly seen: string;
}

export interface History {
  readonly planned: readonly PlannedTask[];
  readonly accepted: readonly AcceptedTask[];
  readonly ledger: readonly LedgerLine[];
  readonly tasks: readonly StoredTask[];
  readonly attempts: readonly StoredAttempt[];
  readonly transitions: readonly Transition[];
  readonly faults: readonly InjectedFault[];
  readonly orphans: readonly Orphan[];
  /** Processes of Hydra that ended although nobody had ended them. */
  readonly exits: readonly string[];
}
