import { status } from '@grpc/grpc-js';
import { answerOfFailure, type Failure, type Hindrance } from './answer.ts';

/** Why a session ended. */
export type SessionEnd =
  /** The coordinator or the connection ended it; it had surely not said so before `askedAtMs`. */
  | ({ readonly kind: 'status'; readonly askedAtMs: number } & Failure)
  /** This worker gave it up. */
  | { readonly kind: 'given_up'; readonly why: string };

/** What an end means for what the worker does next, and what its log says. */
export interface Meaning {
  readonly level: 'warn' | 'error';
  readonly message: string;
  /** A person must act, so there is no hurry to try again; a rolling upgrade may still cure it. */
  readonly hopeless: boolean;
}

/** The one place that reads the statuses of proto/hydra/v1/session.proto. */
export function meaningOf(end: SessionEnd, workerId: string): Meaning {
  if (end.kind === 'given_up') return { level: 'warn', message: end.why, hopeless: false };
  if (end.code === status.ALREADY_EXISTS) {
    const message =
      `another live process uses the worker id ${workerId}: give each worker its own HYDRA_WORKER_ID, ` +
      'or wait, if that process has crashed, until its lease ends';
    return { level: 'error', message, hopeless: false };
  }
  if (end.code === status.INVALID_ARGUMENT) {
    const message = 'the coordinator refuses the registration as invalid: correct the configuration, or upgrade';
    return { level: 'error', message, hopeless: true };
  }
  if (end.code === status.UNIMPLEMENTED) {
    return { level: 'error', message: 'what listens at this address is not a coordinator', hopeless: true };
  }
  if (end.code === status.UNAVAILABLE) {
    return { level: 'warn', message: 'the coordinator cannot be reached or stops', hopeless: false };
  }
  return { level: 'warn', message: 'the coordinator ended the session', hopeless: false };
}

/** What an end says of the coordinator. */
export function answerOfEnd(end: SessionEnd): Hindrance {
  if (end.kind === 'given_up') return { kind: 'unknown', why: `was given up: ${end.why}` };
  return answerOfFailure(end, end.askedAtMs);
}
