import { Type, type TSchema } from 'typebox';
import { invalidArgument, MAX_FAULTS, type FieldFault } from '../../domain/errors.ts';
import { faultFinder } from '../../domain/schema-faults.ts';
import { MAX_BATCH, normaliseTask, type NewTask } from '../../domain/task-input.ts';
import { bodyOf } from '../json-body.ts';
import { problems } from '../schemas/problem.ts';
import { TaskId, TaskInputRef } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

const Batch = (task: TSchema) =>
  Type.Object(
    { tasks: Type.Array(task, { minItems: 1, maxItems: MAX_BATCH, description: 'The tasks.' }) },
    { additionalProperties: false },
  );

/** Without the tasks: those are looked at one by one, so that looking ends when there are faults enough. */
const findFaults = faultFinder(Batch(Type.Any()));

/** `POST /schedule/batch` */
export function addSubmitBatchRoute(app: App, { store }: Services): void {
  const schema = {
    summary: 'Submit many tasks',
    description:
      `Stores up to ${MAX_BATCH} tasks, all of them or none. After a 503 they may or may not have been stored: an ` +
      '`idempotency_key` for each makes it safe to try again.',
    tags: ['tasks'],
    operationId: 'submitTasks',
    querystring: NoQuery,
    body: Batch(TaskInputRef),
    response: {
      201: Type.Object(
        {
          message: Type.String(),
          task_ids: Type.Array(TaskId, {
            description:
              'In the order of the tasks. For an `idempotency_key` that was used before, that of the first task.',
          }),
        },
        { description: 'All tasks are stored.' },
      ),
      ...problems(400, 413, 415, 503),
    },
  };
  app.post('/schedule/batch', { schema, bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
    const tasks = readBatch(bodyOf(request));
    const inserted = await store(tasks);
    const created = inserted.filter((task) => task.created).length;
    const before = created < inserted.length ? `; ${inserted.length - created} scheduled before` : '';
    reply.status(201);
    return {
      message: `${created} ${created === 1 ? 'task' : 'tasks'} scheduled${before}`,
      task_ids: inserted.map((task) => task.id),
    };
  });
}

function readBatch(body: unknown): NewTask[] {
  const shape = findFaults(body);
  if (shape.length > 0) throw invalidArgument(shape);
  const faults: FieldFault[] = [];
  const tasks: NewTask[] = [];
  for (const [i, value] of (body as { tasks: unknown[] }).tasks.entries()) {
    const normalised = normaliseTask(value, `tasks[${i}]`);
    if (normalised.ok) tasks.push(normalised.task);
    else faults.push(...normalised.faults);
    if (faults.length >= MAX_FAULTS) break;
  }
  if (faults.length > 0) throw invalidArgument(faults.slice(0, MAX_FAULTS));
  return tasks;
}
