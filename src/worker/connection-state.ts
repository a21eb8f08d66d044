import { backoffMs } from './backoff.ts';

/**
 * Where a worker stands with the coordinators. `address` is an index into its list; `failures` counts attempts to
 * register that failed since the last one that succeeded.
 */
export type ConnectionState =
  | { readonly kind: 'idle' }
  /** A stream is open, or being opened, and Register was sent. */
  | { readonly kind: 'registering'; readonly address: number; readonly failures: number }
  | { readonly kind: 'registered'; readonly address: number }
  /** Without a stream until `delayMs` have passed. */
  | { readonly kind: 'waiting'; readonly address: number; readonly failures: number; readonly delayMs: number }
  /** Goodbye was sent; the coordinator ends the stream. */
  | { readonly kind: 'leaving' }
  /** The end: no stream, and none is opened any more. */
  | { readonly kind: 'closed' };

export type ConnectionEvent =
  /** The service started, or the delay is over. */
  | { readonly kind: 'dial' }
  | { readonly kind: 'registered' }
  /** The stream is gone, whoever ended it. `hopeless`: trying again soon cannot help, a person must act. */
  | { readonly kind: 'ended'; readonly hopeless: boolean }
  /** Nothing is in hand and nothing more is wanted. */
  | { readonly kind: 'leave' }
  /** Leave without a word, whatever is in hand. */
  | { readonly kind: 'abort' };

/** What {@link transition} needs to know about the worker. */
export interface Surroundings {
  /** How many addresses the list has, at least 1. */
  readonly addresses: number;
  /** Returns 0 ≤ x < 1. */
  readonly random: () => number;
}

/** Rounds of failures after which the backoff has long reached its ceiling. */
const MANY_ROUNDS = 16;

/** The state after `event`; the same object when the event means nothing in this state. */
export function transition(state: ConnectionState, event: ConnectionEvent, around: Surroundings): ConnectionState {
  switch (event.kind) {
    case 'dial':
      if (state.kind === 'idle') return { kind: 'registering', address: 0, failures: 0 };
      if (state.kind !== 'waiting') return state;
      return { kind: 'registering', address: state.address, failures: state.failures };
    case 'registered':
      return state.kind === 'registering' ? { kind: 'registered', address: state.address } : state;
    case 'ended':
      if (state.kind === 'leaving') return { kind: 'closed' };
      if (state.kind === 'registered') return wait(state.address, 0, backoffMs(0, around.random), around);
      if (state.kind === 'registering') return afterFailure(state.address, state.failures + 1, event.hopeless, around);
      return state;
    case 'leave':
      if (state.kind === 'leaving' || state.kind === 'closed') return state;
      return state.kind === 'registered' ? { kind: 'leaving' } : { kind: 'closed' };
    case 'abort':
      return state.kind === 'closed' ? state : { kind: 'closed' };
  }
}

/** The next address at once, until each was tried; then a wait that grows with every round. */
function afterFailure(address: number, failures: number, hopeless: boolean, around: Surroundings): ConnectionState {
  if (failures % around.addresses !== 0) return wait(address, failures, 0, around);
  const rounds = hopeless ? MANY_ROUNDS : failures / around.addresses - 1;
  return wait(address, failures, backoffMs(rounds, around.random), around);
}

function wait(address: number, failures: number, delayMs: number, around: Surroundings): ConnectionState {
  return { kind: 'waiting', address: (address + 1) % around.addresses, failures, delayMs };
}
