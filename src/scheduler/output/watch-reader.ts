import type { FastifyReply, FastifyRequest } from 'fastify';

/** Who asks for output, and where the answer goes. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** The reader has held up what it is sent. */
  readonly onSlow: () => void;
}

/** A reader that takes nothing for so long is slow. */
const SLOW_MS = 1_000;

/** The same parts; tells of each that had to wait for its reader. */
export async function* watchReader<T>(parts: AsyncIterable<T>, onSlow: () => void): AsyncGenerator<T, void> {
  for await (const part of parts) {
    const handedOnMs = performance.now();
    yield part;
    if (performance.now() - handedOnMs >= SLOW_MS) onSlow();
  }
}
