import type { ServerResponse } from 'node:http';
import { HydraError } from '../domain/errors.ts';

export interface HeldBytesOptions {
  /** Most bytes of all requests together. */
  readonly most: number;
  /** What is refused, for people. */
  readonly what: string;
  readonly onFull: () => void;
}

/** Counts what requests keep in memory until they are answered, and refuses what would be too much together. */
export class HeldBytes {
  #held = 0;
  readonly #byResponse = new WeakMap<ServerResponse, number>();

  constructor(private readonly options: HeldBytesOptions) {}

  /** Bytes of all requests. */
  get total(): number {
    return this.#held;
  }

  /** Of one request. */
  of(response: ServerResponse): number {
    return this.#byResponse.get(response) ?? 0;
  }

  /**
   * So many more bytes until the response is sent, or its client is gone.
   * @throws HydraError `unavailable` when that would be too much
   */
  hold(response: ServerResponse, bytes: number): void {
    const { most, onFull, what } = this.options;
    if (response.destroyed) return; // Its client is gone already.
    if (this.#held + bytes > most) {
      onFull();
      throw new HydraError('unavailable', `${what} under way take too much memory together; try again`);
    }
    const own = this.#byResponse.get(response);
    this.#byResponse.set(response, (own ?? 0) + bytes);
    this.#held += bytes;
    if (own === undefined) response.once('close', () => this.release(response));
  }

  /** Nothing of it is kept any more. */
  release(response: ServerResponse): void {
    this.#held -= this.of(response);
    this.#byResponse.set(response, 0);
  }
}
