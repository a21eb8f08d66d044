import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import { announceDue } from '../db/announce-due.ts';
import { checkWritable } from '../db/check-writable.ts';
import { insertTasks, type InsertedTask } from '../db/insert-tasks.ts';
import type { Queryable } from '../db/pool.ts';
import { readStats, type Stats } from '../db/read-stats.ts';
import { readSchemaStatus } from '../db/schema-status.ts';
import { HydraError } from '../domain/errors.ts';
import { limitStatements } from '../db/limit-statements.ts';
import type { NewTask } from '../domain/task-input.ts';
import type { Logger } from '../runtime/logger.ts';
import { cached } from './cached.ts';
import { HeldBytes } from './held-bytes.ts';
import { InsertBatcher } from './insert-batcher.ts';
import { LIMITS, type Limits } from './limits.ts';
import { SchedulerMetrics, type Bound } from './metrics.ts';
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
  /** Resolves when tasks can be read and written; rejects with HydraError, or what `pg` says, when they cannot. */
  readonly ready: () => Promise<void>;
  readonly limits: Limits;
  /** What the bodies of requests under way take. */
  readonly bodies: HeldBytes;
  /** What answers take that their readers do not have yet. */
  readonly answers: HeldBytes;
  /** Something was held up, refused or dropped. */
  readonly onBound: (bound: Bound) => void;
}

const STATS_TTL_MS = 2_000;

/** Everything between the routes and PostgreSQL. Nothing is under way yet. */
export function buildServices(pool: Queryable, logger: Logger, limits = LIMITS): Services {
  // Those of which there is one at a time are not limited.
  const announcer = new WakeAnnouncer(() => announceDue(pool), logger);
  const stats = cached(() => readStats(pool), STATS_TTL_MS);
  const metrics = new SchedulerMetrics({ stats, insertQueue: () => batcher.depth });
  const onBound = (bound: Bound) => metrics.boundHits.inc({ bound });
  const db = limitStatements(pool, limits.statements, () => onBound('statements'));
  const { answerBytes, bodyBytes } = limits;
  const bodies = new HeldBytes({ most: bodyBytes, what: 'the requests', onFull: () => onBound('bodies') });
  const answers = new HeldBytes({ most: answerBytes, what: 'the answers', onFull: () => onBound('answers') });
  const store = async (tasks: readonly NewTask[]) => {
    metrics.insertBatch.observe(tasks.length);
    const announce = announcer.mayAnnounce();
    const inserted = await insertTasks(db, tasks, { announce });
    if (!announce && inserted.some((task) => task.due)) {
      announcer.owe();
      onBound('wake_ups');
    }
    return inserted;
  };
  const batcher = new InsertBatcher(store, { onBound });
  const ready = cached(() => checkReady(pool), 0);
  return { db, store, batcher, announcer, metrics, stats, ready, limits, bodies, answers, onBound };
}

async function checkReady(db: Queryable): Promise<void> {
  const { current, missing } = await readSchemaStatus(db);
  if (!current) throw new HydraError('unavailable', `the schema lacks ${missing.join(', ')}; run: hydra migrate`);
  await checkWritable(db);
}
