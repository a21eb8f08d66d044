import type { Begin, EndRequest, SignalRequest } from './protocol.ts';

/** The companion's part that does what the worker asks for; requests are answered with `done`. */
export interface Keeper {
  begin(message: Begin): void;
  /** Answered once every process of the attempt was sent the signal. */
  signal(request: SignalRequest): void;
  /** Answered once nothing of the attempt is left, or what is left could not be killed. */
  end(request: EndRequest): void;
  /** The lease has ended and the worker may not be able to act: kills whatever runs, and says which (`fenced`). */
  fence(): void;
  /** The worker has gone: ends everything. Resolves when nothing is left that can be killed. */
  abandon(): Promise<Abandoned>;
}

export interface Abandoned {
  /** Processes that were killed. */
  readonly killed: number;
  /** Those that could not be. */
  readonly survivors: number;
}
