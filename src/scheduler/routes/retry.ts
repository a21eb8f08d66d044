import { retryTask } from '../../db/retry-task.ts';
import { HydraError } from '../../domain/errors.ts';
import { problems } from '../schemas/problem.ts';
import { TaskParams, TaskRef, toTaskJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery, refuseBody } from '../validation.ts';
import { unknownTask } from './task.ts';

/** `POST /schedule/:task_id/retry` */
export function addRetryRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Run a task again',
    description:
      'A task that has ended, however it did, is due now, as if it were new: retries and lost attempts are counted ' +
      'from 0, `total_timeout_ms` begins again, and its start deadline does not count any more. Its attempts so far are ' +
      'kept, and numbers go on.',
    tags: ['tasks'],
    operationId: 'retryTask',
    querystring: NoQuery,
    params: TaskParams,
    response: { 200: { ...TaskRef, description: 'It is due.' }, ...problems(400, 404, 409, 413, 415, 503) },
  };
  app.post('/schedule/:task_id/retry', { schema }, async (request) => {
    refuseBody(request);
    const { task_id: taskId } = request.params;
    const outcome = await retryTask(db, taskId);
    switch (outcome.kind) {
      case 'scheduled':
        return toTaskJson(outcome.task);
      case 'not_ended':
        throw new HydraError('conflict', `the task is ${outcome.task.state}; only one that has ended can be run again`);
      case 'unknown':
        throw unknownTask(taskId);
    }
  });
}
