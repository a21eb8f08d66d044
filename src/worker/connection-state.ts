import { backoffMs } from './backoff.ts';

/** What came of looking for a coordinator since the last registration that succeeded. */
export interface Search {
  /** Surveys that found none, and registrations that failed. */
  readonly failures: number;
  /** Addresses where it failed, so that others are preferred; begun anew when there are no others. */
  readonly tried: readonly string[];
}

/** Where a worker stands with the coordinators. */
export type ConnectionState =
  | { readonly kind: 'idle' }
  /** All are asked how they stand. */
  | { readonly kind: 'surveying'; readonly search: Search }
  /** A stream is open, or being opened, and Register was sent. */
  | { readonly kind: 'registering'; readonly address: string; readonly search: Search }
  | { readonly kind: 'registered'; readonly address: string }
  /** Without a stream until `delayMs` have passed. */
  | { readonly kind: 'waiting'; readonly search: Search; readonly delayMs: number }
  /** Goodbye was sent; the coordinator ends the stream. */
  | { readonly kind: 'leaving' }
  /** The end: no stream, and none is opened any more. */
  | { readonly kind: 'closed' };

export type ConnectionEvent =
  /** The service started, or the delay is over. */
  | { readonly kind: 'look' }
  /** The survey is over; `null`: nobody serves. */
  | { readonly kind: 'surveyed'; readonly address: string | null }
  | { readonly kind: 'registered' }
  /** Another coordinator is the better one. The stream is gone. */
  | { readonly kind: 'move'; readonly address: string }
  /** The stream is gone, whoever ended it. `hopeless`: trying again soon cannot help, a person must act. */
  | { readonly kind: 'ended'; readonly hopeless: boolean }
  /** Nothing is in hand and nothing more is wanted. */
  | { readonly kind: 'leave' }
  /** Leave without a word, whatever is in hand. */
  | { readonly kind: 'abort' };

/** What {@link transition} needs to know about the worker. */
export interface Surroundings {
  /** The longest that it may wait now. */
  readonly longestPauseMs: number;
  /** Returns 0 ≤ x < 1. */
  readonly random: () => number;
}

const NEW_SEARCH: Search = { failures: 0, tried: [] };
/** Failures after which the backoff has long reached its ceiling. */
const MANY_FAILURES = 16;

/** The state after `event`; the same object when the event means nothing in this state. */
export function transition(state: ConnectionState, event: ConnectionEvent, around: Surroundings): ConnectionState {
  switch (event.kind) {
    case 'look':
      if (state.kind === 'idle') return { kind: 'surveying', search: NEW_SEARCH };
      return state.kind === 'waiting' ? { kind: 'surveying', search: state.search } : state;
    case 'surveyed':
      if (state.kind !== 'surveying') return state;
      return event.address === null
        ? failed(state.search, state.search.tried, false, around)
        : { kind: 'registering', address: event.address, search: without(state.search, event.address) };
    case 'registered':
      return state.kind === 'registering' ? { kind: 'registered', address: state.address } : state;
    case 'move':
      if (state.kind !== 'registered') return state;
      return { kind: 'registering', address: event.address, search: NEW_SEARCH };
    case 'ended':
      return afterEnd(state, event.hopeless, around);
    case 'leave':
      if (state.kind === 'leaving' || state.kind === 'closed') return state;
      return state.kind === 'registered' ? { kind: 'leaving' } : { kind: 'closed' };
    case 'abort':
      return state.kind === 'closed' ? state : { kind: 'closed' };
  }
}

function afterEnd(state: ConnectionState, hopeless: boolean, around: Surroundings): ConnectionState {
  switch (state.kind) {
    case 'leaving':
      return { kind: 'closed' };
    case 'registered':
      return wait({ failures: 0, tried: [state.address] }, 0, around);
    case 'registering':
      return failed(state.search, [...state.search.tried, state.address], hopeless, around);
    case 'idle':
    case 'surveying':
    case 'waiting':
    case 'closed':
      return state;
  }
}

/** A wait that grows with every failure. */
function failed(search: Search, tried: readonly string[], hopeless: boolean, around: Surroundings): ConnectionState {
  return wait({ failures: search.failures + 1, tried }, hopeless ? MANY_FAILURES : search.failures, around);
}

function wait(search: Search, rounds: number, { longestPauseMs, random }: Surroundings): ConnectionState {
  return { kind: 'waiting', search, delayMs: Math.min(backoffMs(rounds, random), longestPauseMs) };
}

/** Who is tried a second time was the only choice: all others that serve have failed, too. */
function without(search: Search, address: string): Search {
  return search.tried.includes(address) ? { ...search, tried: [] } : search;
}
