import { Metadata, status } from '@grpc/grpc-js';
import { HOLDS_OFF_METADATA } from '../rpc/messages.ts';

/** Why a call ends, as gRPC says it. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  /** The trailing one. */
  readonly metadata?: Metadata;
}

/**
 * Sends a worker elsewhere, and tells it that nothing is taken from it here for `holdsOffMs`. What it runs may go on for
 * that long when the others say so, too.
 */
export function sendElsewhere(details: string, holdsOffMs: number): Refusal {
  const metadata = new Metadata();
  metadata.set(HOLDS_OFF_METADATA, String(holdsOffMs));
  return { code: status.UNAVAILABLE, details, metadata };
}

/** What a worker is told, with {@link sendElsewhere}, once the coordinator has begun to stop. */
export const STOPPING = 'this coordinator is stopping; try another';
