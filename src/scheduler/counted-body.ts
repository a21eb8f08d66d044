import { Transform, type TransformCallback } from 'node:stream';

export interface CountedBodyOptions {
  /** Longest that the route takes. */
  readonly limit: number;
  /** Told how long the body is by now; throws when that is too much together with others. */
  readonly hold: (bytes: number) => void;
  /** Nothing of it is kept any more. */
  readonly release: () => void;
}

/**
 * Keeps a body whose length was not told beforehand, and counts it, until all of it is there. When it becomes too much
 * together with others, what is there is dropped at once, so that not all of them fail; the rest is read and thrown away,
 * so that the client is still there for the answer.
 */
export class CountedBody extends Transform {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #fault: Error | null = null;

  constructor(private readonly options: CountedBodyOptions) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#fault === null) this.#keep(chunk);
    // What is too long alone is refused by the route, which has to see it.
    if (this.#bytes > this.options.limit) this.#handOn();
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#fault === null) this.#handOn();
    done(this.#fault);
  }

  #keep(chunk: Buffer): void {
    try {
      this.options.hold(this.#bytes + chunk.length);
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    } catch (error) {
      this.#fault = error as Error;
      this.#chunks = [];
      this.#bytes = 0;
      this.options.release();
    }
  }

  #handOn(): void {
    for (const chunk of this.#chunks) this.push(chunk);
    this.#chunks = [];
  }
}
