/** Whole microseconds from `atMs` to `nowMs`, both of performance.now(); never negative. */
export function ageUs(atMs: number, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - atMs) * 1_000));
}
