/** Longest wait after the first failed round of addresses; it doubles with each round after that. */
const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** The longest that {@link backoffMs} waits after `rounds` failed rounds (0 for the first). */
export function backoffCeilingMs(rounds: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** rounds);
}

/**
 * How long to wait before the next round: anywhere from nothing to the ceiling, so that workers that lost their
 * coordinator at the same moment do not all come back at the same moment. `random` returns 0 ≤ x < 1.
 */
export function backoffMs(rounds: number, random: () => number): number {
  return random() * backoffCeilingMs(rounds);
}
