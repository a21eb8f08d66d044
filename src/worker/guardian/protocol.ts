import type { Signal } from '../../domain/signals.ts';
import type { Usage } from '../../domain/usage.ts';
import type { ProcessId } from './process-entry.ts';

/** What the worker and its companion say to each other over the IPC channel. */

export interface Hello {
  readonly kind: 'hello';
  /** `null` where there is no /proc: processes are known by their group alone. */
  readonly proc: ProcInfo | null;
  /** The folder of cgroup v2 in which attempts have theirs. */
  readonly cgroup: string | null;
}

export interface ProcInfo {
  readonly worker: ProcessId;
  /** See ProcessMark. */
  readonly namespace: string;
  readonly instance: string;
  /** See setWorkerMark. */
  readonly workerMark: string | null;
  /** An attempt has left processes behind that may live; a companion before this one knew which. */
  readonly spared: boolean;
}

/** An attempt whose command runs. */
export interface Begin {
  readonly kind: 'begin';
  readonly key: string;
  /** The command's first process, which leads a session and a process group. `start` 0: unknown. */
  readonly leader: ProcessId;
  /** Its cgroup's folder. */
  readonly cgroup: string | null;
}

export interface SignalRequest {
  readonly kind: 'signal';
  readonly id: number;
  readonly key: string;
  readonly signal: Signal;
}

export interface EndRequest {
  readonly kind: 'end';
  readonly id: number;
  readonly key: string;
  readonly spareBackground: boolean;
}

/** The right to run what runs ends at that moment, unless told of a later one before. */
export interface LeaseUntil {
  readonly kind: 'lease';
  /** Milliseconds of the machine's monotonic clock, the one that process.hrtime() reads in every process. */
  readonly atMs: number;
}

export type ToCompanion = Hello | Begin | SignalRequest | EndRequest | LeaseUntil;

export interface Done {
  readonly kind: 'done';
  /** Of the request. */
  readonly id: number;
  readonly usage: Usage;
  readonly survivors: number;
}

export type FromCompanion =
  | { readonly kind: 'ready' }
  | Done
  /** Of attempts: they are killed, since the lease has ended. */
  | { readonly kind: 'fenced'; readonly keys: readonly string[] }
  /** To be logged as a warning. */
  | { readonly kind: 'warning'; readonly text: string };

export const NO_USAGE: Usage = { cpuMs: null, peakMemoryBytes: null };
