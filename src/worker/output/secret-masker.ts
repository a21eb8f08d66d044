import { begunAtEnd, secretPatterns, type SecretPattern } from './secret-patterns.ts';

const MASK = Buffer.from('***');
const NOTHING = Buffer.alloc(0);

/**
 * Replaces secrets in a stream by `***`, however they are cut into chunks. Secrets that overlap become one mask, so
 * that no part of any shows. Holds back only bytes that may be the beginning of one: fewer than the longest has.
 */
export class SecretMasker {
  #held: Buffer = NOTHING;
  /** Bytes at the beginning of what is held whose mask is out already; they only show how a secret goes on. */
  #masked = 0;

  constructor(private readonly patterns: readonly SecretPattern[]) {}

  /** Bytes are held back. */
  get isHolding(): boolean {
    return this.#held.length > this.#masked;
  }

  /** What can be told now. */
  push(chunk: Buffer): Buffer {
    const text = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const begun = this.patterns.reduce((most, pattern) => Math.max(most, begunAtEnd(text, pattern)), 0);
    return this.#tell(text, text.length - begun);
  }

  /** What was held back: it is not the beginning of a secret, or nobody can wait to see. */
  flush(): Buffer {
    return this.#tell(this.#held, this.#held.length);
  }

  /** Tells what comes before `until`, and masks of what comes after what belongs to a secret that begins before it. */
  #tell(text: Buffer, until: number): Buffer {
    const told: Buffer[] = [];
    // Bytes before `at` are told or masked; a secret that begins before `maskEnd` needs no mask of its own.
    let at = this.#masked;
    let maskEnd = this.#masked;
    for (const { start, end } of this.#occurrences(text, until)) {
      if (end <= maskEnd) continue;
      if (start >= maskEnd) told.push(text.subarray(at, start), MASK);
      at = maskEnd = end;
    }
    if (at < until) told.push(text.subarray(at, until));
    // A copy: what is held must not keep all of a chunk in memory.
    this.#held = Buffer.from(text.subarray(until));
    this.#masked = Math.max(0, maskEnd - until);
    return told.length === 1 ? (told[0] ?? NOTHING) : Buffer.concat(told);
  }

  /** Where secrets begin before `until`: in order, of those that begin together the longest. */
  *#occurrences(text: Buffer, until: number): Generator<{ readonly start: number; readonly end: number }> {
    const next = this.patterns.map(({ bytes }) => text.indexOf(bytes));
    for (;;) {
      let start = -1;
      let length = 0;
      for (const [i, { bytes }] of this.patterns.entries()) {
        const found = next[i] ?? -1;
        if (found < 0 || (start >= 0 && found > start)) continue;
        length = found === start ? Math.max(length, bytes.length) : bytes.length;
        start = found;
      }
      if (start < 0 || start >= until) return;
      yield { start, end: start + length };
      for (const [i, { bytes }] of this.patterns.entries()) {
        if (next[i] === start) next[i] = text.indexOf(bytes, start + 1);
      }
    }
  }
}

/** A text in which these values do not show. */
export function maskText(text: string, secrets: readonly string[]): string {
  const masker = new SecretMasker(secretPatterns(secrets));
  return Buffer.concat([masker.push(Buffer.from(text)), masker.flush()]).toString();
}
