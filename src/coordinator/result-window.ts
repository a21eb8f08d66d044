/** Results of all sessions together that may be on their way or wait to be committed. */
const RESULTS = 10_000;
/** Few enough for thousands of sessions, and enough for a worker to be busy with. */
const FEWEST = 16;

/** Most results that each of so many sessions may have sent without an acknowledgement. */
export function resultWindow(sessions: number): number {
  return Math.max(FEWEST, Math.floor(RESULTS / Math.max(1, sessions)));
}
