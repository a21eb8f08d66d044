import { found, nsOf, showLine, showMs, showTransition } from './evidence.ts';
import type { StartLine, TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** Did each command start when it might, as often as it might, and as an attempt that PostgreSQL knows? */
export function* checkStarts(item: TaskCase): Generator<Finding> {
  const { planned, starts, stored } = item;
  const notBefore = Math.max(planned?.scheduledAtMs ?? 0, stored?.scheduledAtMs ?? 0);
  for (const start of starts) {
    if (start.atNs < nsOf(notBefore)) {
      const what = `attempt ${start.attempt} started before ${showMs(notBefore)}`;
      yield found('early', item, what, [showLine(start)]);
    }
  }
  for (const [attempt, lines] of byAttempt(starts)) {
    if (lines.length > 1) {
      yield found('ranTwice', item, `attempt ${attempt} was run ${lines.length} times`, lines.map(showLine));
    }
    if (!isKnown(item, attempt)) {
      const at = stored === undefined ? 'there is no such task' : `the task is at attempt ${stored.attempt}`;
      const what = `attempt ${attempt} ran, and ${at}, without a record of it`;
      yield found('unknownAttempts', item, what, [...lines.map(showLine), ...item.transitions.map(showTransition)]);
    }
  }
  const most = planned?.mostStarts ?? Infinity;
  if (starts.length > most) {
    const what = `it was started ${starts.length} times, and may be ${most} times`;
    yield found('startedTooOften', item, what, starts.map(showLine));
  }
}

function byAttempt(starts: readonly StartLine[]): Map<number, StartLine[]> {
  const lines = new Map<number, StartLine[]>();
  for (const start of starts) lines.set(start.attempt, [...(lines.get(start.attempt) ?? []), start]);
  return lines;
}

function isKnown({ accepted, archived, stored, transitions }: TaskCase, attempt: number): boolean {
  // A task that was accepted and is gone is lost, which is said elsewhere.
  if (stored === undefined) return accepted.length > 0;
  if (archived.some((past) => past.attempt === attempt)) return true;
  // A claim that was given up, since it was never to have started, leaves no record and its number behind.
  const givenUp = transitions.some((change) => change.attempt === attempt && change.to === 'scheduled');
  return attempt === stored.attempt && !givenUp;
}
