/** Longest encoding of a character in UTF-8. */
const MAX_CHARACTER_BYTES = 4;

/** How many bytes at the end may be the beginning of a character of UTF-8 whose rest is missing. */
export function partialAtEnd(bytes: Buffer): number {
  for (let cut = 0; cut < MAX_CHARACTER_BYTES && cut < bytes.length; cut++) {
    const byte = bytes[bytes.length - 1 - cut] ?? 0;
    if (isContinuation(byte)) continue;
    return cut + 1 < lengthFrom(byte) ? cut + 1 : 0;
  }
  return 0;
}

/** How long a character is that begins with this byte. None begins with some of them. */
function lengthFrom(byte: number): number {
  if (byte >= 0xf0 && byte <= 0xf4) return 4;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xc2 && byte <= 0xdf ? 2 : 1;
}

/** How many bytes at the beginning may be the rest of a character of UTF-8. */
export function partialAtStart(bytes: Buffer): number {
  let cut = 0;
  while (cut < Math.min(MAX_CHARACTER_BYTES - 1, bytes.length) && isContinuation(bytes[cut] ?? 0)) cut++;
  return cut;
}

function isContinuation(byte: number): boolean {
  return (byte & 0b1100_0000) === 0b1000_0000;
}
