import { SecretMasker } from './secret-masker.ts';
import type { SecretPattern } from './secret-patterns.ts';

/** Silence after which bytes that may begin a secret are told all the same, such as a prompt. */
const SILENCE_MS = 200;

/** A stream of a command on its way through a {@link SecretMasker}. */
export class MaskedStream {
  readonly #masker: SecretMasker;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    patterns: readonly SecretPattern[],
    /** Told as they may be known. */
    private readonly onBytes: (bytes: Buffer) => void,
  ) {
    this.#masker = new SecretMasker(patterns);
  }

  push(chunk: Buffer): void {
    clearTimeout(this.#timer);
    this.onBytes(this.#masker.push(chunk));
    if (this.#masker.isHolding) this.#timer = setTimeout(() => this.flush(), SILENCE_MS);
  }

  /** Tells all that is held back. */
  flush(): void {
    clearTimeout(this.#timer);
    this.onBytes(this.#masker.flush());
  }

  /** Tells nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
