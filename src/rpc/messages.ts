import type { AttemptResult } from '../domain/task-state.ts';
import type { Labels } from '../domain/lane.ts';
import type { OutputPiece } from '../domain/output.ts';
import type { Run } from '../domain/run-options.ts';
import type { Usage } from '../domain/usage.ts';

/** The messages of a session as the code sees them: unions told apart by `kind`. proto/hydra/v1/session.proto explains each. */

/** The fencing token. */
export interface AttemptRef {
  readonly taskId: string;
  readonly attempt: number;
}

/** A text key for maps. */
export function refKey(ref: AttemptRef): string {
  return `${ref.taskId}/${ref.attempt}`;
}

export interface Registration {
  readonly workerId: string;
  readonly instanceId: string;
  readonly hostname: string;
  readonly slots: number;
  readonly labels: Labels;
  readonly queues: readonly string[];
  readonly version: string;
  readonly pid: number;
  readonly inHand: readonly AttemptInHand[];
  readonly draining: boolean;
  /** Counts up from 1 in each process. */
  readonly ordinal: number;
}

export interface AttemptInHand {
  readonly ref: AttemptRef;
  readonly startedAgeUs: number;
}

/** An attempt to run. */
export interface Attempt {
  readonly ref: AttemptRef;
  readonly queue: string;
  readonly scheduledAtUs: number;
  /** Microseconds since scheduledAtUs, at the time of sending. */
  readonly lateUs: number;
  readonly run: Run;
  /** What the task may still take with all its attempts, at the time of sending; `null`: any time. */
  readonly totalTimeoutLeftMs: number | null;
}

export interface StartedReport {
  readonly ref: AttemptRef;
  readonly startedAgeUs: number;
}

export interface OutputChunk extends OutputPiece {
  readonly ref: AttemptRef;
}

/** Names a piece that was sent. */
export interface ChunkRef {
  readonly ref: AttemptRef;
  readonly start: number;
}

export interface FinishedReport {
  readonly ref: AttemptRef;
  /** `null`: it never started. */
  readonly startedAgeUs: number | null;
  readonly endedAgeUs: number;
  readonly result: AttemptResult;
  /** The last of the output, when it is little; what came before is acknowledged. */
  readonly output: readonly OutputPiece[];
  readonly usage: Usage;
}

export type FromWorker =
  | { readonly kind: 'register'; readonly registration: Registration }
  | { readonly kind: 'heartbeat'; readonly sequence: number }
  | {
      readonly kind: 'report';
      readonly started: readonly StartedReport[];
      readonly finished: readonly FinishedReport[];
    }
  | { readonly kind: 'output'; readonly chunks: readonly OutputChunk[] }
  | { readonly kind: 'draining' }
  | { readonly kind: 'goodbye' }
  /** Something a newer peer says; to be ignored. */
  | { readonly kind: 'unknown' };

export type FromCoordinator =
  | {
      readonly kind: 'registered';
      readonly sessionId: string;
      readonly coordinatorId: string;
      readonly leaseMs: number;
      readonly heartbeatIntervalMs: number;
      readonly superseded: readonly AttemptRef[];
      /** Most bytes of output that may be sent and not acknowledged. */
      readonly outputWindowBytes: number;
      /** Most results that may be sent and not acknowledged; 0: an older coordinator. */
      readonly resultWindow: number;
    }
  | {
      readonly kind: 'heartbeat_ack';
      readonly sequence: number;
      readonly renewed: boolean;
      /** When not renewed: the coordinator takes nothing back for so long; 0: an older one, for a lease. */
      readonly holdsOffMs: number;
      /** As in `registered`, from now on; 0: unchanged. */
      readonly resultWindow: number;
    }
  | { readonly kind: 'dispatch'; readonly attempts: readonly Attempt[] }
  | {
      readonly kind: 'acknowledge';
      readonly recorded: readonly AttemptRef[];
      readonly superseded: readonly AttemptRef[];
    }
  | { readonly kind: 'stop'; readonly refs: readonly AttemptRef[] }
  | { readonly kind: 'cancel'; readonly refs: readonly AttemptRef[] }
  /** `null`: as the worker is configured. */
  | { readonly kind: 'drain'; readonly timeoutMs: number | null }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'output_ack'; readonly stored: readonly ChunkRef[]; readonly superseded: readonly AttemptRef[] }
  | { readonly kind: 'unknown' };

/** What a coordinator says of itself. */
export interface Standing {
  readonly coordinatorId: string;
  /** It reached PostgreSQL after it was asked. */
  readonly renewing: boolean;
  /** When not renewing: it takes nothing back from anybody for so long since it was asked. */
  readonly holdsOffMs: number;
  /** Workers connected to it. */
  readonly sessions: number;
}

/** Trailing metadata of UNAVAILABLE, with what {@link Standing.holdsOffMs} says as decimal digits. */
export const HOLDS_OFF_METADATA = 'hydra-holds-off-ms';
