import type { Signal } from './signals.ts';

/**
 * How a command is to be run, beyond what to run. This is what `options` in PostgreSQL holds and what the API takes and
 * shows, in the same words. Absent: the default that each field names.
 */
export interface RunOptions {
  /** Program that is given `-c` and the command; default `sh`. */
  readonly shell?: string;
  /** Set over the worker's base environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; default: the worker's own folder. */
  readonly cwd?: string;
  /** Octal digits, such as `027`. */
  readonly umask?: string;
  /** Name of the user to run as; default: the worker's own. */
  readonly user?: string;
  /** Of one attempt; default: none. */
  readonly timeout_ms?: number;
  /** Sent `warn_before_ms` before the timeout. */
  readonly warn_signal?: Signal;
  readonly warn_before_ms?: number;
  /** First signal when it is stopped; default SIGTERM. */
  readonly stop_signal?: Signal;
  /** From `stop_signal` to SIGKILL; default {@link DEFAULT_GRACE_MS}. */
  readonly grace_ms?: number;
  /** What becomes of processes that the command leaves behind when it ends; default `kill`. */
  readonly background?: Background;
  /** stderr goes where stdout goes, so that the order of the two is exact; default false. */
  readonly merge_stderr?: boolean;
  /** Bytes of output that are kept, first and last ones; default: what the worker is configured to. */
  readonly output_limit_bytes?: number;
  /** What becomes of a command that writes more; default `truncate`. */
  readonly on_output_limit?: OnOutputLimit;
  readonly limits?: Limits;
  /** -20 to 19; default: as the worker. */
  readonly nice?: number;
}

/** Default of each: as the worker. */
export interface Limits {
  readonly memory_bytes?: number;
  readonly open_files?: number;
  readonly processes?: number;
  readonly cpu_seconds?: number;
}

export const BACKGROUND = ['kill', 'allow'] as const;
export type Background = (typeof BACKGROUND)[number];

export const ON_OUTPUT_LIMIT = ['truncate', 'kill'] as const;
export type OnOutputLimit = (typeof ON_OUTPUT_LIMIT)[number];

export const ON_WORKER_LOST = ['retry', 'fail'] as const;
export type OnWorkerLost = (typeof ON_WORKER_LOST)[number];

export const DEFAULT_GRACE_MS = 10_000;
/** Bytes of output kept of an attempt, when neither the task nor the worker says. */
export const DEFAULT_OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** The most that a task or a worker may say. */
export const MAX_OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

/** What to run and how. Exactly one of `command` and `argv` is given. */
export interface Run {
  /** Run through a shell. */
  readonly command: string | null;
  /** Run without one. */
  readonly argv: readonly string[] | null;
  readonly options: RunOptions;
  /** Variables whose values are masked in the output. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** The command reads what the Stdin call gives. */
  readonly hasStdin: boolean;
}
