/**
 * How long a worker waits for coordinators. `leftMs`: what is left of the lease that keeps what it has in hand, so that
 * there is always time for another try; Infinity when there is nothing to keep.
 */

const LONGEST_SURVEY_MS = 2_000;
const LEAST_SURVEY_MS = 200;
const LONGEST_REGISTRATION_MS = 10_000;
const LEAST_REGISTRATION_MS = 1_000;
const LEAST_PAUSE_MS = 50;

/** For coordinators to say how they stand. */
export function surveyTimeoutMs(leftMs: number): number {
  return clamp(leftMs / 3, LEAST_SURVEY_MS, LONGEST_SURVEY_MS);
}

/** For a coordinator to answer a registration. */
export function registrationTimeoutMs(leftMs: number): number {
  return clamp(leftMs / 2, LEAST_REGISTRATION_MS, LONGEST_REGISTRATION_MS);
}

/** Between two tries, at most. */
export function longestPauseMs(leftMs: number): number {
  return Math.max(LEAST_PAUSE_MS, leftMs / 3);
}

function clamp(ms: number, least: number, longest: number): number {
  return Math.min(longest, Math.max(least, ms));
}
