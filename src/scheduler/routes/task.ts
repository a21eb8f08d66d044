import { getTask } from '../../db/get-task.ts';
import { HydraError } from '../../domain/errors.ts';
import { problems } from '../schemas/problem.ts';
import { TaskDetailRef, TaskParams, toTaskDetailJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

export function unknownTask(id: string): HydraError {
  return new HydraError('not_found', `there is no task ${id}`);
}

/** `GET /schedule/:task_id` */
export function addTaskRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Read a task',
    description: 'What became of a task, and the options that it was given.',
    tags: ['tasks'],
    operationId: 'getTask',
    querystring: NoQuery,
    params: TaskParams,
    response: { 200: TaskDetailRef, ...problems(400, 404, 503) },
  };
  app.get('/schedule/:task_id', { schema }, async (request) => {
    const task = await getTask(db, request.params.task_id);
    if (task === null) throw unknownTask(request.params.task_id);
    return toTaskDetailJson(task);
  });
}
