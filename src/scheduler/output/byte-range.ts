/** From `first` up to, and without, `last`. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What a Range header asks for of so many bytes. `null`: all of them; what cannot be read is ignored, as RFC 9110 (14.2)
 * wants it, and so are several ranges at once.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const { first = '', last = '' } =
    /^bytes=\s*(?<first>\d{0,15})-(?<last>\d{0,15})\s*$/i.exec(header ?? '')?.groups ?? {};
  if (first === '') {
    if (last === '') return null;
    const length = Math.min(size, Number(last));
    return length === 0 ? 'unsatisfiable' : { first: size - length, last: size };
  }
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return 'unsatisfiable';
  return { first: Number(first), last: last === '' ? size : Math.min(size, Number(last) + 1) };
}
