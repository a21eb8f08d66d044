/** Shorter lines of a secret of several lines say little, and would be found in much that is no secret. */
const MIN_LINE_BYTES = 4;

/** Bytes to be masked, with what it takes to find one that has only begun. */
export interface SecretPattern {
  readonly bytes: Buffer;
  /** For each n: the longest beginning of the pattern that its first n + 1 bytes also end with, themselves excepted. */
  readonly borders: Int32Array;
}

/** What is to be masked for these values: each as a whole, and each line of those that have several. */
export function secretPatterns(values: readonly string[]): SecretPattern[] {
  const texts = new Set<string>();
  for (const value of values) {
    if (value !== '') texts.add(value);
    const lines = value.split(/\r?\n/);
    if (lines.length === 1) continue;
    for (const line of lines) if (Buffer.byteLength(line) >= MIN_LINE_BYTES) texts.add(line);
  }
  return [...texts].map((text) => {
    const bytes = Buffer.from(text);
    return { bytes, borders: bordersOf(bytes) };
  });
}

/** How many of the last bytes of `text` are the beginning of the pattern, but not all of it. Takes linear time. */
export function begunAtEnd(text: Buffer, { bytes, borders }: SecretPattern): number {
  let matched = 0;
  for (let i = Math.max(0, text.length - bytes.length + 1); i < text.length; i++) {
    while (matched > 0 && text[i] !== bytes[matched]) matched = borders[matched - 1] ?? 0;
    if (text[i] === bytes[matched]) matched++;
  }
  return matched;
}

/** The failure function of Knuth, Morris and Pratt. */
function bordersOf(bytes: Buffer): Int32Array {
  const borders = new Int32Array(bytes.length);
  let matched = 0;
  for (let i = 1; i < bytes.length; i++) {
    while (matched > 0 && bytes[i] !== bytes[matched]) matched = borders[matched - 1] ?? 0;
    if (bytes[i] === bytes[matched]) matched++;
    borders[i] = matched;
  }
  return borders;
}
