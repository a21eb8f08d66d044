import type { ProcessEntry } from './process-entry.ts';
import { isAlive, placeOf } from './process-table.ts';

/**
 * Sends a signal to each of `entries` once. Groups in sessions that are wholly ours get it at once, before any member
 * can fork; the others one by one. What cannot be signalled is passed over.
 */
export function sendSignal(
  entries: readonly ProcessEntry[],
  signal: NodeJS.Signals,
  ownsSession: (session: number) => boolean,
): void {
  const groups = new Set<number>();
  for (const entry of entries) {
    // It may have ended since it was seen, and its number be another's, or it may have moved to another group. Whoever
    // is in a session that is ours is ours, whatever number it has.
    const place = placeOf(entry.pid);
    if (!place) continue;
    if (!ownsSession(place.session)) {
      if (isAlive(entry)) send(entry.pid, signal);
    } else if (!groups.has(place.group)) {
      groups.add(place.group);
      send(-place.group, signal);
    }
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime, or is not ours to signal: it took another user's identity.
  }
}
