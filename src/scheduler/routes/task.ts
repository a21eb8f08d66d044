import { Type } from 'typebox';
import { cancelTask } from '../../db/cancel-task.ts';
import { getTask } from '../../db/get-task.ts';
import { HydraError } from '../../domain/errors.ts';
import { problems } from '../schemas/problem.ts';
import { TaskDetailRef, TaskId, TaskRef, toTaskDetailJson, toTaskJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const params = Type.Object({ task_id: TaskId });

export function unknownTask(id: string): HydraError {
  return new HydraError('not_found', `there is no task ${id}`);
}

/** `GET` and `DELETE /schedule/:task_id` */
export function addTaskRoutes(app: App, { db }: Services): void {
  const get = {
    summary: 'Read a task',
    description: 'What became of a task.',
    tags: ['tasks'],
    operationId: 'getTask',
    querystring: NoQuery,
    params,
    response: { 200: TaskDetailRef, ...problems(400, 404, 503) },
  };
  app.get('/schedule/:task_id', { schema: get }, async (request) => {
    const task = await getTask(db, request.params.task_id);
    if (task === null) throw unknownTask(request.params.task_id);
    return toTaskDetailJson(task);
  });

  const cancel = {
    summary: 'Cancel a task',
    description: 'Cancels a task that has not started. Cancelling it again changes nothing and succeeds.',
    tags: ['tasks'],
    operationId: 'cancelTask',
    querystring: NoQuery,
    params,
    response: { 200: TaskRef, ...problems(400, 404, 409, 503) },
  };
  app.delete('/schedule/:task_id', { schema: cancel }, async (request) => {
    const outcome = await cancelTask(db, request.params.task_id);
    switch (outcome.kind) {
      case 'cancelled':
        return toTaskJson(outcome.task);
      case 'too_late': {
        const { state } = outcome.task;
        const why =
          state === 'running' ? 'running; only a task that has not started can be cancelled' : `already ${state}`;
        throw new HydraError('conflict', `the task is ${why}`);
      }
      case 'unknown':
        throw unknownTask(request.params.task_id);
    }
  });
}
