import { Type, type Static } from 'typebox';
import { listTasks, type ListPosition, type TaskFilter } from '../../db/list-tasks.ts';
import { invalidArgument, type FieldFault } from '../../domain/errors.ts';
import { NAME_PATTERN } from '../../domain/lane.ts';
import { TASK_STATES } from '../../domain/task-state.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { readScheduledRange } from '../scheduled-range.ts';
import { Nullable, Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import { TaskRef, toTaskJson } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

const Query = Type.Object(
  {
    state: Type.Optional(
      Type.Array(Words(TASK_STATES), {
        description: 'Only tasks in one of these states: repeated, or separated by commas.',
      }),
    ),
    queue: Type.Optional(Type.String({ pattern: NAME_PATTERN, description: 'Only tasks of this queue.' })),
    worker: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: 'Only tasks whose newest attempt this worker ran.' }),
    ),
    scheduled_from: Type.Optional(
      Type.String({ description: 'Only tasks scheduled at this ISO 8601 instant or later.' }),
    ),
    scheduled_to: Type.Optional(Type.String({ description: 'Only tasks scheduled before this ISO 8601 instant.' })),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_LIMIT,
        default: DEFAULT_LIMIT,
        description: 'Most tasks of one page.',
      }),
    ),
    cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before.' })),
  },
  { additionalProperties: false },
);

/** `GET /schedule` */
export function addTaskListRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'List tasks',
    description:
      'Those scheduled last come first. Filters add up. A page that is not the last has a `next_cursor`, to be sent ' +
      'with the same filters for the next one.',
    tags: ['tasks'],
    operationId: 'listTasks',
    querystring: Query,
    response: {
      200: Type.Object(
        {
          tasks: Type.Array(TaskRef),
          next_cursor: Nullable(Type.String({ description: 'null: this is the last page.' })),
        },
        { description: 'A page of tasks.' },
      ),
      ...problems(400, 503),
    },
  };
  app.get('/schedule', { schema }, async (request) => {
    const { filter, after } = readQuery(request.query);
    const page = await listTasks(db, filter, after, request.query.limit ?? DEFAULT_LIMIT);
    return { tasks: page.tasks.map(toTaskJson), next_cursor: page.next === null ? null : encodeCursor(page.next) };
  });
}

function readQuery(query: Static<typeof Query>): { filter: TaskFilter; after: ListPosition | null } {
  // A plus sign that was not written as %2B arrives as a space; an instant has none.
  const plus = (text: string | undefined) => text?.replace(/ (?=\d\d(:?\d\d)?$)/, '+');
  const scheduled = readScheduledRange({
    scheduled_from: plus(query.scheduled_from),
    scheduled_to: plus(query.scheduled_to),
  });
  const faults: FieldFault[] = [...scheduled.faults];
  if (query.worker?.includes('\0') === true) {
    faults.push({ field: 'worker', message: 'contains a NUL character; give the id of a worker' });
  }
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  if (query.cursor !== undefined && after === null) {
    faults.push({ field: 'cursor', message: 'is not a cursor; give next_cursor of an earlier answer, unaltered' });
  }
  if (faults.length > 0) throw invalidArgument(faults);
  const filter = {
    ...(query.state !== undefined && { states: [...new Set(query.state)] }),
    ...(query.queue !== undefined && { queue: query.queue }),
    ...(query.worker !== undefined && { workerId: query.worker }),
    ...scheduled.range,
  };
  return { filter, after };
}
