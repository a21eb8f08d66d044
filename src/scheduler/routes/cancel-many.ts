import { Type, type Static } from 'typebox';
import { CANCELLABLE_STATES, cancelTasks, type CancelFilter } from '../../db/cancel-tasks.ts';
import { invalidArgument, type FieldFault } from '../../domain/errors.ts';
import { NAME_PATTERN, type Labels } from '../../domain/lane.ts';
import { WORKER_ID_PATTERN } from '../../domain/patterns.ts';
import { isRecord } from '../../domain/raw-input.ts';
import { faultFinder } from '../../domain/schema-faults.ts';
import { MAX_LABELS } from '../../domain/task-input.ts';
import { bodyOf } from '../json-body.ts';
import { readScheduledRange } from '../scheduled-range.ts';
import { Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const Name = Type.String({ pattern: NAME_PATTERN });

const Filter = Type.Object(
  {
    all: Type.Optional(Type.Literal(true, { description: 'Every task that has not ended. Instead of filters.' })),
    states: Type.Optional(
      Type.Array(Words(CANCELLABLE_STATES), { minItems: 1, description: 'Only tasks in one of these states.' }),
    ),
    queue: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'Only tasks of this queue.' })),
    worker: Type.Optional(
      Type.String({ pattern: WORKER_ID_PATTERN, description: 'Only tasks that this worker runs.' }),
    ),
    labels: Type.Optional(
      Type.Unsafe<Labels>({
        type: 'object',
        propertyNames: Name,
        additionalProperties: Name,
        minProperties: 1,
        maxProperties: MAX_LABELS,
        description: 'Only tasks that require all of these labels.',
        examples: [{ region: 'eu' }],
      }),
    ),
    scheduled_from: Type.Optional(
      Type.String({ description: 'Only tasks scheduled at this ISO 8601 instant or later.' }),
    ),
    scheduled_to: Type.Optional(Type.String({ description: 'Only tasks scheduled before this ISO 8601 instant.' })),
  },
  { additionalProperties: false, examples: [{ queue: 'reports', states: ['scheduled'] }] },
);
type Filter = Static<typeof Filter>;

const findFaults = faultFinder(Filter);

/** `POST /schedule/cancel` */
export function addCancelManyRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Cancel many tasks',
    description:
      'Cancels every task that has not ended and that all given filters match: at least one filter, or `all`. Tasks ' +
      'submitted meanwhile may or may not be among them. After a 503 some may have been cancelled; asking again is safe.',
    tags: ['tasks'],
    operationId: 'cancelTasks',
    querystring: NoQuery,
    body: Filter,
    response: {
      200: Type.Object(
        {
          cancelled: Type.Integer({ description: 'Tasks that are cancelled.' }),
          cancelling: Type.Integer({
            description: 'Tasks that were claimed or run; they are stopped and then cancelled.',
          }),
        },
        { description: 'It is done, or under way.' },
      ),
      ...problems(400, 413, 415, 503),
    },
  };
  app.post('/schedule/cancel', { schema }, async (request) => cancelTasks(db, readFilter(bodyOf(request))));
}

function readFilter(body: unknown): CancelFilter {
  const raw = isRecord(body) ? body : {};
  const scheduled = readScheduledRange(raw);
  const faults: FieldFault[] = [...findFaults(body), ...scheduled.faults];
  if (isRecord(body)) faults.push(...scopeFaults(body));
  if (faults.length > 0) throw invalidArgument(faults);
  const { labels, queue, states, worker } = body as Filter;
  return {
    ...(states !== undefined && { states: [...new Set(states)] }),
    ...(queue !== undefined && { queue }),
    ...(worker !== undefined && { workerId: worker }),
    ...(labels !== undefined && { labels }),
    ...scheduled.range,
  };
}

/** Nobody cancels everything by leaving something out. */
function scopeFaults(body: Readonly<Record<string, unknown>>): FieldFault[] {
  const names = Object.keys(body);
  if (names.length === 0) {
    return [{ field: 'body', message: 'has no filter; give one, such as {"queue":"reports"}, or {"all":true}' }];
  }
  if ('all' in body && names.length > 1) {
    return [{ field: 'all', message: 'comes with filters; give one or the other' }];
  }
  return [];
}
