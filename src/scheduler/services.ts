import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import { announceDue } from '../db/announce-due.ts';
import { insertTasks, type InsertedTask } from '../db/insert-tasks.ts';
import type { Queryable } from '../db/pool.ts';
import { readStats, type Stats } from '../db/read-stats.ts';
import { readSchemaStatus, type SchemaStatus } from '../db/schema-status.ts';
import type { NewTask } from '../domain/task-input.ts';
import type { Logger } from '../runtime/logger.ts';
import { cached } from './cached.ts';
import { InsertBatcher } from './insert-batcher.ts';
import { SchedulerMetrics } from './metrics.ts';
import { WakeAnnouncer } from './wake-announcer.ts';

/** Fastify, with the types of a route's values taken from its schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the routes work with. */
export interface Services {
  readonly db: Queryable;
  /** Stores tasks, all of them or none, answers in their order, and wakes the coordinators when any is due soon. */
  readonly store: (tasks: readonly NewTask[]) => Promise<readonly InsertedTask[]>;
  /** Lets single tasks share a statement. */
  readonly batcher: InsertBatcher;
  readonly announcer: WakeAnnouncer;
  readonly metrics: SchedulerMetrics;
  /** At most a few seconds old. */
  readonly stats: () => Promise<Stats>;
  readonly schemaStatus: () => Promise<SchemaStatus>;
}

const STATS_TTL_MS = 2_000;

/** Everything between the routes and `db`. Nothing is under way yet. */
export function buildServices(db: Queryable, logger: Logger): Services {
  const announcer = new WakeAnnouncer(() => announceDue(db), logger);
  const stats = cached(() => readStats(db), STATS_TTL_MS);
  const metrics = new SchedulerMetrics({ stats, insertQueue: () => batcher.depth });
  const store = async (tasks: readonly NewTask[]) => {
    metrics.insertBatch.observe(tasks.length);
    const announce = announcer.mayAnnounce();
    const inserted = await insertTasks(db, tasks, { announce });
    if (!announce && inserted.some((task) => task.due)) announcer.owe();
    return inserted;
  };
  const batcher = new InsertBatcher(store);
  return { db, store, batcher, announcer, metrics, stats, schemaStatus: cached(() => readSchemaStatus(db), 0) };
}
