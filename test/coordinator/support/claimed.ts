import type { ClaimedTask } from '../../../src/db/claim-due-tasks.ts';

let counter = 0;

/** A claim that nobody has made. */
export function claimed(over: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    taskId: `task-${++counter}`,
    attempt: 1,
    queue: 'default',
    lane: 'default',
    priority: 0,
    scheduledAtUs: 0,
    dueAtMs: 0,
    run: { command: 'true', argv: null, options: {}, secretEnv: {}, hasStdin: false },
    bytes: 4,
    giveUpAtMs: null,
    totalTimeoutMs: null,
    totalDeadlineMs: null,
    ...over,
  };
}
