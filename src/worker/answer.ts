import { status, type Metadata } from '@grpc/grpc-js';
import { HOLDS_OFF_METADATA } from '../rpc/messages.ts';

/** What is known of a coordinator after it was asked, at `askedAtMs` by the worker's clock. */
export type Answer =
  /** It reaches PostgreSQL. */
  | { readonly kind: 'renewing'; readonly coordinatorId: string; readonly sessions: number }
  /** It does not know the question: an older version, which may reach PostgreSQL or not. */
  | { readonly kind: 'older'; readonly why: string }
  /** It takes nothing back from anybody before `askedAtMs + holdsOffMs`. */
  | { readonly kind: 'holds_off'; readonly askedAtMs: number; readonly holdsOffMs: number; readonly why: string }
  /** Nobody listens there. Who starts to now takes nothing back before a full lease has passed. */
  | { readonly kind: 'absent'; readonly askedAtMs: number; readonly why: string }
  /** Nothing is known. */
  | { readonly kind: 'unknown'; readonly why: string };

/** Of one that does not serve, or does not say that it does. */
export type Hindrance = Exclude<Answer, { kind: 'renewing' }>;

/** Longest part of what an error says that is shown. */
const MOST_DETAILS = 200;

/** A call that did not succeed. */
export interface Failure {
  readonly code: status;
  readonly details: string;
  /** The trailing one. */
  readonly metadata: Metadata;
}

/** What the end of a call says of the coordinator. `askedAtMs`: before which it cannot have said so. */
export function answerOfFailure({ code, details, metadata }: Failure, askedAtMs: number): Hindrance {
  const said = details.slice(0, MOST_DETAILS);
  if (code === status.UNAVAILABLE) {
    const [holdsOff] = metadata.get(HOLDS_OFF_METADATA);
    if (typeof holdsOff === 'string' && /^\d{1,10}$/.test(holdsOff)) {
      return { kind: 'holds_off', askedAtMs, holdsOffMs: Number(holdsOff), why: `does not serve: ${said}` };
    }
    // grpc-js's own words, not a coordinator's that quotes what happened to it.
    const cause = /^No connection established\. Last error: .*?\b(?<cause>E[A-Z]{3,})\b/.exec(details)?.groups?.cause;
    if (cause === 'ECONNREFUSED') return { kind: 'absent', askedAtMs, why: 'refuses connections' };
    if (cause !== undefined) return { kind: 'unknown', why: `cannot be connected to (${cause})` };
  }
  return { kind: 'unknown', why: `fails with ${status[code]}: ${said}` };
}
