import { runNow } from '../../db/run-now.ts';
import type { TaskRow } from '../../db/task-row.ts';
import { HydraError } from '../../domain/errors.ts';
import { isEnd } from '../../domain/task-state.ts';
import { problems } from '../schemas/problem.ts';
import { TaskParams, TaskRef, toTaskJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery, refuseBody } from '../validation.ts';
import { unknownTask } from './task.ts';

/** `POST /schedule/:task_id/run-now` */
export function addRunNowRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Bring a task forward',
    description:
      'A task that waits, for its time or for its next attempt, is due now. When it is due already, that changes nothing ' +
      'and succeeds.',
    tags: ['tasks'],
    operationId: 'runTaskNow',
    querystring: NoQuery,
    params: TaskParams,
    response: { 200: { ...TaskRef, description: 'It is due.' }, ...problems(400, 404, 409, 413, 415, 503) },
  };
  app.post('/schedule/:task_id/run-now', { schema }, async (request) => {
    refuseBody(request);
    const { task_id: taskId } = request.params;
    const outcome = await runNow(db, taskId);
    switch (outcome.kind) {
      case 'hastened':
        return toTaskJson(outcome.task);
      case 'too_late':
        throw new HydraError('conflict', `the task is ${whyNot(outcome.task)}`);
      case 'unknown':
        throw unknownTask(taskId);
    }
  });
}

function whyNot({ cancelRequestedAt, id, state }: TaskRow): string {
  if (isEnd(state)) return `already ${state}; POST /schedule/${id}/retry runs it again`;
  return cancelRequestedAt === null ? `already ${state}` : 'being cancelled';
}
