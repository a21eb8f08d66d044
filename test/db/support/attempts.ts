import type { AttemptKey } from '../../../src/db/attempt-key.ts';
import { claimDueTasks } from '../../../src/db/claim-due-tasks.ts';
import type { FinishedAttempt } from '../../../src/db/finish-attempts.ts';
import { markStarted } from '../../../src/db/mark-started.ts';
import type { Queryable } from '../../../src/db/pool.ts';
import type { AttemptResult } from '../../../src/domain/task-state.ts';
import { seedTask, type TaskSeed } from '../../support/tasks.ts';

export const COORDINATOR = '00000000-0000-4000-8000-000000000001';
export const WORKER = 'worker';

export function exited(exitCode: number): AttemptResult {
  return { reason: 'exited', exitCode, signal: null, error: null };
}

/** A report that it ended as `result` says, after it had run for a moment. */
export function report(
  { attempt, taskId }: AttemptKey,
  result: AttemptResult = exited(0),
  over: Partial<FinishedAttempt> = {},
): FinishedAttempt {
  const usage = { cpuMs: null, peakMemoryBytes: null };
  return { taskId, attempt, workerId: WORKER, startedAgeUs: 5, endedAgeUs: 2, result, output: [], usage, ...over };
}

/** Claims the task of `lane` that is first in line. */
export async function claim(db: Queryable, lane = 'default', coordinatorId = COORDINATOR): Promise<AttemptKey> {
  const [task] = await claimDueTasks(db, { coordinatorId, lane, priority: 0, lookaheadMs: 9e9, limit: 1 });
  if (task === undefined) throw new Error(`nothing to claim in ${lane}`);
  return { taskId: task.taskId, attempt: task.attempt };
}

/** A task that is claimed. Nothing else may wait in its lane. */
export async function seedClaim(db: Queryable, seed: TaskSeed = {}, coordinatorId = COORDINATOR): Promise<AttemptKey> {
  await seedTask(db, { dueInMs: -1, ...seed });
  return claim(db, seed.queue, coordinatorId);
}

/** Records that it runs. */
export async function start(db: Queryable, key: AttemptKey): Promise<AttemptKey> {
  await markStarted(db, COORDINATOR, [{ ...key, workerId: WORKER, startedAgeUs: 1 }]);
  return key;
}

/** A task that runs. Nothing else may wait in its lane. */
export async function seedRun(db: Queryable, seed: TaskSeed = {}): Promise<AttemptKey> {
  return start(db, await seedClaim(db, seed));
}
