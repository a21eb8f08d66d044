import { setTimeout as delay } from 'node:timers/promises';
import { cancelTask } from '../../db/cancel-task.ts';
import { findTask } from '../../db/find-task.ts';
import type { Queryable } from '../../db/pool.ts';
import type { TaskRow } from '../../db/task-row.ts';
import { HydraError } from '../../domain/errors.ts';
import { problems } from '../schemas/problem.ts';
import { TaskParams, TaskRef, toTaskJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';
import { unknownTask } from './task.ts';

/** How long the owner of a claimed task may take to end it, before the answer is that it will. */
const SETTLE_MS = 1_000;
const POLL_MS = 20;

/** `DELETE /schedule/:task_id` */
export function addCancelRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Cancel a task',
    description:
      'A task that has not started is cancelled at once. One that runs is stopped: `stop_signal`, then SIGKILL after ' +
      '`grace_ms`; its worker being lost, it ends with the lease of that. Once this is answered with 200 or 202, the ' +
      'task ends as `cancelled`, whatever its command does. Cancelling again changes nothing and is answered alike.',
    tags: ['tasks'],
    operationId: 'cancelTask',
    querystring: NoQuery,
    params: TaskParams,
    response: {
      200: { ...TaskRef, description: 'It is cancelled.' },
      202: { ...TaskRef, description: 'It runs, or may run, and is being stopped; it will be cancelled.' },
      ...problems(400, 404, 409, 503),
    },
  };
  app.delete('/schedule/:task_id', { schema }, async (request, reply) => {
    const { task_id: taskId } = request.params;
    const outcome = await cancelTask(db, taskId);
    switch (outcome.kind) {
      case 'cancelled':
        return toTaskJson(outcome.task);
      case 'cancelling': {
        const task = await settle(db, outcome.task);
        return reply.status(task.state === 'cancelled' ? 200 : 202).send(toTaskJson(task));
      }
      case 'too_late':
        throw new HydraError('conflict', `the task is already ${outcome.task.state}`);
      case 'unknown':
        throw unknownTask(taskId);
    }
  });
}

/** Gives the owner of a task that it may not have sent to a worker a moment to end it. */
async function settle(db: Queryable, task: TaskRow): Promise<TaskRow> {
  const until = performance.now() + SETTLE_MS;
  let current = task;
  while (current.state === 'picked' && performance.now() < until) {
    await delay(POLL_MS);
    current = (await findTask(db, task.id)) ?? current;
  }
  return current;
}
