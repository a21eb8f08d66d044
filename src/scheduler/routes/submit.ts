import { Type } from 'typebox';
import { invalidArgument } from '../../domain/errors.ts';
import { normaliseTask } from '../../domain/task-input.ts';
import { bodyOf } from '../json-body.ts';
import { problems } from '../schemas/problem.ts';
import { TaskId, TaskInputRef } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

/** Room for all that a command may be given to read, as base64, and then some. */
const BODY_LIMIT_BYTES = 24 * 1024 * 1024;

const Submitted = (description: string) =>
  Type.Object(
    { message: Type.String(), task_id: TaskId },
    {
      description,
      headers: { Location: { type: 'string', description: 'Where the task is.' } },
    },
  );

/** `POST /schedule` */
export function addSubmitRoute(app: App, { batcher }: Services): void {
  const schema = {
    summary: 'Submit a task',
    description:
      'Stores a task that runs `command` or `argv` at `scheduled_at` on one of the workers. 201 means it is committed. After a ' +
      '503 it may or may not have been: an `idempotency_key` makes it safe to try again.',
    tags: ['tasks'],
    operationId: 'submitTask',
    querystring: NoQuery,
    body: TaskInputRef,
    response: {
      200: Submitted('A task with this `idempotency_key` exists; nothing was stored.'),
      201: Submitted('The task is stored.'),
      ...problems(400, 413, 415, 503),
    },
  };
  app.post('/schedule', { schema, bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
    const normalised = normaliseTask(bodyOf(request));
    if (!normalised.ok) throw invalidArgument(normalised.faults);
    const { id, created } = await batcher.submit(normalised.task);
    reply.header('location', `/schedule/${id}`).status(created ? 201 : 200);
    return {
      message: created ? 'Task scheduled' : 'A task with this idempotency_key was scheduled before',
      task_id: id,
    };
  });
}
