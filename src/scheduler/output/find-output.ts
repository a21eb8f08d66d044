import type { Queryable } from '../../db/pool.ts';
import { readOutput, type StoredOutput } from '../../db/read-output.ts';
import { HydraError } from '../../domain/errors.ts';
import { unknownTask } from '../routes/task.ts';
import { OutputReplaced } from './read-parts.ts';

/** How often reading starts anew when a command that runs replaces what is read, which it does once a second. */
const TRIES = 5;

/**
 * Finds the output of an attempt, `null`: of the newest, and reads of it what is asked for.
 * @throws HydraError when there is no such task or attempt
 */
export async function withOutput<T>(
  db: Queryable,
  taskId: string,
  attempt: number | null,
  read: (output: StoredOutput) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const output = await readOutput(db, taskId, attempt);
    if (output === null) throw unknownTask(taskId);
    if (attempt !== null && attempt > output.newestAttempt) {
      const message = `there is no attempt ${attempt}; the task has had ${output.newestAttempt}`;
      throw new HydraError('not_found', message, [{ field: 'attempt', message }]);
    }
    try {
      return await read(output);
    } catch (error) {
      if (!(error instanceof OutputReplaced)) throw error;
      if (tries >= TRIES) throw new HydraError('unavailable', error.message, [], { cause: error });
    }
  }
}
