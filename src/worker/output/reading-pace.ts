import type { Readable } from 'node:stream';
import { MAX_PIECE_BYTES } from '../../domain/output-slice.ts';

/** What is read in a slice of time: 256 MB/s, which leaves most of a processor to everything else. */
const SLICE_MS = 10;
const SLICE_BYTES = 2_560_000;
/** Least that a stream may read in a slice in which it may read at all. */
const MIN_SHARE_BYTES = MAX_PIECE_BYTES;

export interface ReadingPaceOptions {
  readonly now: () => number;
  /** What can be read in a slice of time was read: commands wait for the next. Once for a slice. */
  readonly onHeldUp: () => void;
}

/** A stream that is being read. */
interface Reader {
  readonly stream: Readable;
  /** Bytes that it may still read in slice no. `slice`; in others as many as there are. */
  share: number;
  slice: number;
}

/**
 * Lets all commands of a worker write as fast as it can read without neglecting the rest of its work, its heartbeats
 * first of all. Streams that want more are paused, and share the next slice of time evenly.
 */
export class ReadingPace {
  #slice = 0;
  #sliceStartMs = -Infinity;
  #readBytes = 0;
  /** In the order in which they were paused. */
  readonly #waiting = new Set<Reader>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ReadingPaceOptions) {}

  /** Resolves when the stream is closed. A fault of the stream is its end. */
  read(stream: Readable, onChunk: (chunk: Buffer) => void): Promise<void> {
    const reader: Reader = { stream, share: 0, slice: -1 };
    return new Promise((resolve) => {
      if (stream.closed) return resolve();
      stream.on('error', () => undefined); // 'close' follows
      stream.once('close', () => {
        this.#waiting.delete(reader);
        resolve();
      });
      stream.on('data', (chunk: Buffer) => {
        onChunk(chunk);
        this.#account(reader, chunk.length);
      });
    });
  }

  #account(reader: Reader, bytes: number): void {
    this.#readBytes += bytes;
    reader.share -= bytes;
    // The clock is asked only when it matters.
    if (this.#mayGoOn(reader)) return;
    const now = this.options.now();
    if (this.#waiting.size === 0 && now - this.#sliceStartMs >= SLICE_MS) {
      this.#begin(now);
      this.#readBytes = bytes;
      return;
    }
    reader.stream.pause();
    if (this.#waiting.size === 0) this.options.onHeldUp();
    this.#waiting.add(reader);
    this.#resumeIn(Math.max(1, this.#sliceStartMs + SLICE_MS - now));
  }

  #mayGoOn(reader: Reader): boolean {
    if (reader.slice === this.#slice) return reader.share > 0;
    return this.#readBytes <= SLICE_BYTES && this.#waiting.size === 0;
  }

  #begin(now: number): void {
    this.#slice += 1;
    this.#sliceStartMs = now;
    this.#readBytes = 0;
  }

  #resumeIn(ms: number): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#next(), ms);
  }

  #next(): void {
    this.#timer = undefined;
    this.#begin(this.options.now());
    const readers = [...this.#waiting].slice(0, Math.floor(SLICE_BYTES / MIN_SHARE_BYTES));
    const share = SLICE_BYTES / readers.length;
    for (const reader of readers) {
      this.#waiting.delete(reader);
      reader.share = share;
      reader.slice = this.#slice;
      reader.stream.resume();
    }
    if (this.#waiting.size > 0) this.#resumeIn(SLICE_MS);
  }
}
