/**
 * One value for everybody who asks within `ttlMs` of its reading, and one reading at a time. A reading that fails is
 * told to those who waited for it, and is not kept.
 */
export function cached<T>(read: () => Promise<T>, ttlMs: number): () => Promise<T> {
  let current: Promise<T> | undefined;
  let freshUntil = Infinity;
  return () => {
    if (current !== undefined && performance.now() < freshUntil) return current;
    freshUntil = Infinity;
    const reading = read();
    current = reading;
    reading.then(
      () => (freshUntil = performance.now() + ttlMs),
      () => (current = undefined),
    );
    return reading;
  };
}
