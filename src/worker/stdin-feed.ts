import type { Writable } from 'node:stream';
import { status, type ClientReadableStream } from '@grpc/grpc-js';
import type { StdinPiece__Output } from '../rpc/generated/hydra/v1/StdinPiece.ts';
import { backoffMs } from './backoff.ts';
import { Alarm } from './timer.ts';

/** A Stdin call. */
export type StdinCall = ClientReadableStream<StdinPiece__Output>;

export interface StdinFeedOptions {
  /** The command's standard input. */
  readonly sink: Writable;
  /** Begins to read from a position on; `null`: there is no session, and {@link StdinFeed.resume} is called with the next. */
  readonly open: (offset: number) => StdinCall | null;
  /** The attempt is not the task's current one. */
  readonly onRefused: () => void;
  readonly onBytes: (count: number) => void;
}

/**
 * Brings a command what it reads, as fast as it reads: a command that does not read holds up the coordinator's sending
 * and nothing else. Goes on in the next session where it was, and ends when the command closes its standard input.
 */
export class StdinFeed {
  #offset = 0;
  #call: StdinCall | null = null;
  #failures = 0;
  #stopped = false;
  readonly #retry = new Alarm();

  constructor(private readonly options: StdinFeedOptions) {
    // The command may close its end, or be gone, whenever it likes.
    options.sink.on('error', () => this.stop());
    options.sink.on('close', () => this.stop());
    this.resume();
  }

  /** There is a session, perhaps another one. */
  resume(): void {
    this.#retry.clear();
    if (this.#stopped || this.#call) return;
    const call = this.options.open(this.#offset);
    if (!call) return;
    this.#call = call;
    call.on('data', ({ data }: StdinPiece__Output) => this.#write(call, data));
    call.on('error', () => undefined); // 'status' says the same
    call.on('status', ({ code }) => {
      if (this.#call !== call) return;
      // What was read is handed on first, and the end comes after it.
      if (code === status.OK) call.once('end', () => this.options.sink.end());
      else this.#failed(code);
    });
  }

  /** Nothing more is wanted. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#retry.clear();
    const call = this.#call;
    this.#call = null;
    call?.cancel();
    this.options.sink.destroy();
  }

  #write(call: StdinCall, data: Buffer): void {
    if (this.#call !== call) return;
    this.#failures = 0;
    this.#offset += data.length;
    this.options.onBytes(data.length);
    if (this.options.sink.write(data)) return;
    call.pause();
    this.options.sink.once('drain', () => call.resume());
  }

  #failed(code: status): void {
    this.#call = null;
    if (code === status.FAILED_PRECONDITION) {
      this.stop();
      this.options.onRefused();
      return;
    }
    this.#retry.set(backoffMs(this.#failures, Math.random), () => this.resume());
    this.#failures += 1;
  }
}
