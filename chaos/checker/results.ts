import { found, showLine, showTransition } from './evidence.ts';
import { attemptEnds, type AttemptEnd, type TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** Is what PostgreSQL says of each attempt what its command wrote down? */
export function* checkResults(item: TaskCase): Generator<Finding> {
  for (const end of attemptEnds(item)) {
    const lines = [...item.starts, ...item.ends].filter(({ attempt }) => attempt === end.attempt).map(showLine);
    if (end.reason === 'exited' && !item.ends.some(({ attempt }) => attempt === end.attempt)) {
      const what = `attempt ${end.attempt} is said to have exited with ${String(end.exitCode)}`;
      yield found('fromNothing', item, what, lines);
    } else {
      const fault = contradiction(item, end);
      if (fault !== undefined) yield found('contradicted', item, `attempt ${end.attempt} ${fault}`, lines);
    }
  }
  yield* checkTask(item);
}

function contradiction({ ends, planned, starts, stored }: TaskCase, end: AttemptEnd): string | undefined {
  const start = starts.find(({ attempt }) => attempt === end.attempt);
  const said = ends.find(({ attempt }) => attempt === end.attempt);
  if (end.exitCode !== null && said !== undefined && said.exitCode !== end.exitCode) {
    return `is stored with exit code ${end.exitCode}, and its command ended with ${said.exitCode}`;
  }
  if (end.reason === 'signalled' && said !== undefined)
    return 'is stored as signalled, and its command ended by itself';
  if ((end.reason === 'spawn_error' || end.reason === 'rejected') && start !== undefined) {
    return `is stored as ${end.reason}, and its command started`;
  }
  if (start !== undefined && end.workerId !== null && end.workerId !== start.workerId) {
    return `is stored as run by ${end.workerId}, and ran on ${start.workerId}`;
  }
  // Without codes of its own, 0 and nothing else is success.
  if (end.reason !== 'exited' || planned?.body.success_exit_codes !== undefined) return undefined;
  const completed = !end.past && stored?.state === 'completed';
  if (completed !== (end.exitCode === 0)) {
    const counted = completed ? 'completed' : 'failed';
    return `counts as ${counted}, with exit code ${String(end.exitCode)}`;
  }
  return undefined;
}

function* checkTask(item: TaskCase): Generator<Finding> {
  const { archived, planned, starts, stored, transitions } = item;
  if (stored === undefined) return;
  const lost = new Set(archived.filter(({ reason }) => reason === 'worker_lost').map(({ attempt }) => attempt));
  if (stored.lostAttempts !== lost.size) {
    yield found('contradicted', item, `${stored.lostAttempts} attempts are counted as lost, and ${lost.size} are kept`);
  }
  // What was lost may have started without a word.
  const started = starts.filter(({ attempt }) => !lost.has(attempt));
  if (stored.state === 'expired' && started.length > 0) {
    yield found('contradicted', item, 'it expired as if it had never started', started.map(showLine));
  }
  const deadline = planned?.body.start_deadline;
  const expiredMs = transitions.find(({ to }) => to === 'expired')?.atMs;
  if (typeof deadline === 'string' && expiredMs !== undefined && expiredMs < Date.parse(deadline)) {
    const what = `it expired ${Date.parse(deadline) - expiredMs} ms before its start_deadline`;
    yield found('contradicted', item, what, transitions.map(showTransition));
  }
}
