import type { InjectedFault } from '../events.ts';
import { found, nsOf, showLine, showTransition } from './evidence.ts';
import { attemptEnds, type AttemptEnd, type StartLine, type TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** A command that was about to start when a fault was healed may write its start so much later. */
const START_SLACK_MS = 5_000;
/**
 * So long after a fault was healed the attempts that it cost are taken back, unless something else is in the way: a
 * lease has to end, and a coordinator to see that.
 */
const LOSS_WINDOW_MS = 60_000;

/** Was each command that was stopped, lost or run again so for a reason that the task or a fault gives? */
export function* checkCauses(item: TaskCase, faults: readonly InjectedFault[]): Generator<Finding> {
  for (const end of attemptEnds(item)) {
    const start = item.starts.find(({ attempt }) => attempt === end.attempt);
    if (start === undefined) continue;
    const fault = causeless(item, end, start, faults);
    if (fault === undefined) continue;
    const shown = [...item.starts, ...item.ends].filter(({ attempt }) => attempt === end.attempt).map(showLine);
    const what = `attempt ${end.attempt} ${fault}`;
    yield found('withoutCause', item, what, [...shown, ...item.transitions.map(showTransition)]);
  }
}

function causeless(
  item: TaskCase,
  end: AttemptEnd,
  start: StartLine,
  faults: readonly InjectedFault[],
): string | undefined {
  const { planned } = item;
  if (end.reason === 'worker_lost') {
    return isLossCaused(item, start, faults)
      ? undefined
      : `counts as lost, and nothing had happened to ${start.workerId}`;
  }
  if (planned === undefined) return undefined;
  const { max_attempts: attempts = 1, timeout_ms: timeout, total_timeout_ms: total } = planned.body;
  if (end.reason === 'timed_out' && timeout === undefined && total === undefined) {
    return 'timed out, and has no limit of time';
  }
  if (end.reason === 'signalled' && planned.endsItself !== true) return 'was ended by a signal that nobody sent';
  if (end.past && attempts === 1) return `ended as ${end.reason}, was tried again, and its task has one attempt`;
  return undefined;
}

/** Whether anything had happened to its worker that may have cost an attempt that counts as lost. */
export function isLossCaused(item: TaskCase, start: StartLine, faults: readonly InjectedFault[]): boolean {
  return faults.some((fault) => mayHaveCost(fault, start, lostAtMs(item, start.attempt), faults));
}

/** When the task left the attempt. A later claim that is released brings its number back, so it is the first time. */
function lostAtMs({ transitions }: TaskCase, attempt: number): number | undefined {
  return transitions.find(
    ({ from, to, ...change }) =>
      change.attempt === attempt && (from === 'picked' || from === 'running') && to !== 'running',
  )?.atMs;
}

function mayHaveCost(
  fault: InjectedFault,
  start: StartLine,
  lostMs: number | undefined,
  faults: readonly InjectedFault[],
): boolean {
  if (!fault.mayCost.includes(start.workerId)) return false;
  if (start.atNs > nsOf(fault.healedMs + START_SLACK_MS)) return false;
  return lostMs === undefined || (lostMs >= fault.beganMs && lostMs <= windowEndMs(fault, faults));
}

/** Until when attempts may be taken back that the fault cost: nobody can while PostgreSQL or coordinators are away. */
function windowEndMs(fault: InjectedFault, faults: readonly InjectedFault[]): number {
  let end = fault.healedMs + LOSS_WINDOW_MS;
  for (const other of faults.filter(({ mayCost }) => mayCost.length === 0).toSorted((a, b) => a.beganMs - b.beganMs)) {
    if (other.beganMs <= end && other.healedMs >= fault.beganMs) end = Math.max(end, other.healedMs + LOSS_WINDOW_MS);
  }
  return end;
}
