import type { StoredTask } from '../events.ts';
import { found, showTransition } from './evidence.ts';
import { isEnd, type TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** So many times an attempt that was lost is followed by another one. */
const MOST_LOST_ATTEMPTS = 5;

/** Does each task end, once, and as it may? */
export function* checkEndings(item: TaskCase): Generator<Finding> {
  yield* checkRepeats(item);
  const { planned, stored, transitions } = item;
  if (stored === undefined) return;
  const shown = transitions.map(showTransition);
  if (!isEnd(stored.state)) {
    yield found('neverEnded', item, `it is still ${stored.state}, at attempt ${stored.attempt}`, shown);
  } else if (planned !== undefined && !planned.mayEnd.some((state) => state === stored.state) && !isWornOut(stored)) {
    const may = planned.mayEnd.join(' or ');
    yield found('endedOtherwise', item, `it is ${planned.kind}, to end as ${may}, and is ${stored.state}`, shown);
  }
}

/** Every loss of an attempt must have a cause, which is looked at elsewhere; too many of them end any task. */
function isWornOut({ lostAttempts, reason, state }: StoredTask): boolean {
  return state === 'failed' && reason === 'worker_lost' && lostAttempts >= MOST_LOST_ATTEMPTS;
}

/** Reasons that only the end of an attempt has; a task that waits can be cancelled, too, or run out of time. */
const OF_ATTEMPTS = new Set(['exited', 'signalled', 'worker_lost', 'rejected', 'spawn_error']);

function* checkRepeats(item: TaskCase): Generator<Finding> {
  const { archivals, archived, stored, transitions } = item;
  if (transitions.some(({ from }) => isEnd(from))) {
    yield found('recordedTwice', item, 'it was changed after it had ended', transitions.map(showTransition));
  }
  for (const attempt of new Set([...archived, ...archivals].map((past) => past.attempt))) {
    const times = Math.max(
      archived.filter((past) => past.attempt === attempt).length,
      archivals.filter((past) => past.attempt === attempt).length,
    );
    if (times > 1) yield found('recordedTwice', item, `the end of attempt ${attempt} is kept ${times} times`);
    if (stored?.attempt === attempt && isEnd(stored.state) && OF_ATTEMPTS.has(stored.reason ?? '')) {
      const what = `attempt ${attempt} is past, and it also ended the task as ${stored.state}: ${stored.reason ?? ''}`;
      yield found('recordedTwice', item, what, transitions.map(showTransition));
    }
  }
}

/** Do the changes of state that were written down lead, without a gap, to what is stored? Else they prove nothing. */
export function* checkAudit(item: TaskCase): Generator<Finding> {
  const { archivals, archived, stored, transitions } = item;
  if (stored === undefined) return;
  const gap = transitions.findIndex(({ from }, index) => from !== (transitions[index - 1]?.to ?? 'new'));
  const last = transitions.at(-1);
  const unseen = archived.find(({ attempt }) => !archivals.some((archival) => archival.attempt === attempt));
  const fault =
    last === undefined
      ? 'nothing was written down'
      : gap >= 0
        ? `there is a gap before change ${gap + 1}`
        : last.to !== stored.state || last.attempt !== stored.attempt
          ? `attempt ${stored.attempt} is ${stored.state} in the end`
          : unseen !== undefined
            ? `the end of attempt ${unseen.attempt} was kept unseen`
            : undefined;
  if (fault !== undefined) yield found('auditIncomplete', item, fault, transitions.map(showTransition));
}
