import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Queryable } from '../db/pool.ts';
import { readStdin } from '../db/read-stdin.ts';
import { orUnavailable } from '../db/unavailable.ts';
import { HydraError, invalidArgument } from '../domain/errors.ts';
import type { StdinPiece } from '../rpc/generated/hydra/v1/StdinPiece.ts';
import type { StdinRequest__Output } from '../rpc/generated/hydra/v1/StdinRequest.ts';
import type { AttemptRef } from '../rpc/messages.ts';
import { decodeRef } from '../rpc/ref-codec.ts';
import { toServiceError } from '../rpc/status-mapping.ts';
import type { Logger } from '../runtime/logger.ts';
import { Gate } from './gate.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { isRef } from './valid-ref.ts';

export type StdinCall = ServerWritableStream<StdinRequest__Output, StdinPiece>;

/** The longest piece and the shortest. */
const PIECE_BYTES = { most: 256 * 1024, least: 4 * 1024 };
/** Each call holds a piece until its command has read it, however long that takes; together not more than this. */
const ALL_PIECES_BYTES = 64 * 1024 * 1024;
/** A worker holds up to 16 messages of each call, since gRPC reads ahead, for a command that does not read. */
const MESSAGE_BYTES = 32 * 1024;
/** Pieces that are read at once: commands that begin together must not take all connections to PostgreSQL. */
const READS_AT_ONCE = 2;
/** PostgreSQL counts bytes of a value in 32 bits. */
const MAX_OFFSET = 2 ** 31 - 1;

export interface StdinServiceDeps {
  readonly db: Queryable;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
}

/**
 * Serves `hydra.v1.Coordinator/Stdin`: what a command reads, piece by piece, each read from PostgreSQL once gRPC has
 * taken the one before.
 */
export class StdinService {
  readonly #gate = new Gate(READS_AT_ONCE);
  #calls = 0;
  #stopping = false;

  constructor(private readonly deps: StdinServiceDeps) {}

  /** The handler for grpc-js. */
  handle(call: StdinCall): void {
    this.#calls += 1;
    const served = this.#serve(call).finally(() => (this.#calls -= 1));
    served.then(
      () => call.end(),
      (error: unknown) => {
        if (!(error instanceof HydraError)) this.deps.logger.error({ err: error }, 'could not send standard input');
        // How grpc-js is told to end a call with a status.
        call.emit('error', Object.assign(new Error(), toServiceError(error)));
      },
    );
  }

  /** Reads nothing more from now on: workers ask another coordinator for the rest. */
  stop(): void {
    this.#stopping = true;
  }

  async #serve(call: StdinCall): Promise<void> {
    const { ref, start } = readRequest(call.request);
    for (let offset = start; !call.cancelled;) {
      const piece = await this.#gate.run(() => this.#read(ref, offset));
      if (piece === null) {
        throw new HydraError('conflict', `attempt ${ref.attempt} of task ${ref.taskId} is not the current one`);
      }
      if (piece.length === 0) return;
      offset += piece.length;
      for (let at = 0; at < piece.length; at += MESSAGE_BYTES) {
        await taken(call, piece.subarray(at, at + MESSAGE_BYTES));
      }
    }
  }

  #read(ref: AttemptRef, offset: number): Promise<Buffer | null> {
    if (this.#stopping) throw new HydraError('unavailable', 'this coordinator is stopping; try another');
    const bytes = pieceBytes(this.#calls);
    if (bytes < PIECE_BYTES.most) this.deps.metrics.boundHits.inc({ bound: 'stdin_pieces' });
    return orUnavailable(() => readStdin(this.deps.db, ref, offset, bytes));
  }
}

/** How long a piece is while so many calls are open. */
export function pieceBytes(calls: number): number {
  return Math.min(PIECE_BYTES.most, Math.max(PIECE_BYTES.least, Math.floor(ALL_PIECES_BYTES / calls)));
}

function readRequest(request: StdinRequest__Output): { readonly ref: AttemptRef; readonly start: number } {
  const ref = decodeRef(request.ref);
  const { offset } = request;
  const faults = [
    ...(isRef(ref) ? [] : [{ field: 'ref', message: 'give the UUID of a task and an attempt from 1 up' }]),
    ...(offset <= MAX_OFFSET ? [] : [{ field: 'offset', message: `is ${offset}; give at most ${MAX_OFFSET}` }]),
  ];
  if (faults.length > 0) throw invalidArgument(faults);
  return { ref, start: offset };
}

/** Settles once the connection has taken the piece, which it does at the pace of the other side, or is gone. */
function taken(call: StdinCall, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // It was said while the piece was read.
    if (call.cancelled) return resolve();
    const done = () => {
      call.off('cancelled', done);
      call.off('close', done);
      resolve();
    };
    call.on('cancelled', done);
    call.on('close', done);
    call.write({ data: piece }, done);
  });
}
