import { Type } from 'typebox';
import { TASK_STATES, type TaskState } from '../../domain/task-state.ts';
import { Instant, Nullable } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const Count = (description?: string) => Type.Integer(description === undefined ? {} : { description });
const OldestOverdue = Nullable(Type.Integer({ description: 'How long the first of those has been due.' }));

const StatsJson = Type.Object(
  {
    as_of: Instant("When it was counted, by PostgreSQL's clock."),
    approximate: Type.Boolean({
      description:
        'The table is too large to be counted. Counts of a queue then end at 10,000 (those of overdue tasks at 1,000), ' +
        'and totals beyond that, and of tasks that have ended, are estimates.',
    }),
    tasks: Type.Object(
      Object.fromEntries(TASK_STATES.map((s) => [s, Count()])) as Record<TaskState, ReturnType<typeof Count>>,
      {
        description: 'Tasks by state.',
      },
    ),
    overdue: Count('Tasks that are due and have not started.'),
    oldest_overdue_ms: OldestOverdue,
    workers: Type.Object(
      { connected: Count(), draining: Count(), lost: Count() },
      { description: 'Workers by state.' },
    ),
    slots: Count('Slots of the connected workers.'),
    queues: Type.Array(
      Type.Object({
        queue: Type.String(),
        scheduled: Count(),
        picked: Count(),
        running: Count(),
        overdue: Count(),
        oldest_overdue_ms: OldestOverdue,
      }),
      { description: 'Queues by name, at most 1,000.' },
    ),
  },
  { description: 'The statistics.' },
);

/** `GET /stats` */
export function addStatsRoute(app: App, { stats: readStats }: Services): void {
  const schema = {
    summary: 'Read statistics',
    description: 'What waits, runs and has ended. At most a few seconds old.',
    tags: ['cluster'],
    operationId: 'getStats',
    querystring: NoQuery,
    response: { 200: StatsJson, ...problems(503) },
  };
  app.get('/stats', { schema }, async () => {
    const { asOf, oldestOverdueMs, queues, ...stats } = await readStats();
    return {
      as_of: asOf.toISOString(),
      ...stats,
      oldest_overdue_ms: oldestOverdueMs,
      queues: queues.map(({ oldestOverdueMs: age, ...queue }) => ({ ...queue, oldest_overdue_ms: age })),
    };
  });
}
