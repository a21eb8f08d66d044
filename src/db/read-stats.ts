import { TASK_STATES, type TaskState } from '../domain/task-state.ts';
import { COUNT_CAP, countAllTasks, countLiveTasks, QUEUE_CAP, type TaskCount } from './count-tasks.ts';
import type { WorkerState } from './list-workers.ts';
import type { Queryable } from './pool.ts';

/** Tasks of one queue that have not ended. */
export interface QueueStats {
  readonly queue: string;
  readonly scheduled: number;
  readonly picked: number;
  readonly running: number;
  readonly overdue: number;
  readonly oldestOverdueMs: number | null;
}

export interface Stats {
  /** By PostgreSQL's clock. */
  readonly asOf: Date;
  /**
   * The table is so large that counting it would take long. Counting then stops at the caps of
   * {@link countLiveTasks}; totals beyond them, and of tasks that have ended, are PostgreSQL's estimates.
   */
  readonly approximate: boolean;
  readonly tasks: Readonly<Record<TaskState, number>>;
  /** Due and not started. */
  readonly overdue: number;
  /** How long the first of those has been due, in milliseconds; `null`: none is. */
  readonly oldestOverdueMs: number | null;
  readonly workers: Readonly<Record<WorkerState, number>>;
  /** Slots of the connected workers. */
  readonly slots: number;
  /** By name; the first {@link QUEUE_CAP}. */
  readonly queues: readonly QueueStats[];
}

/** Tables of more rows than this are not counted. So many take about 0.1 s. */
const EXACT_ROWS = 500_000;

// How many rows, as the planner reckons: the density when last analysed, times the pages of now. A table that was
// never analysed is taken to have 32 rows a page.
const OVERVIEW_SQL = /* sql */ `
  SELECT statement_timestamp() AS "asOf",
    (SELECT CASE WHEN c.relpages > 0 AND c.reltuples >= 0 THEN c.reltuples / c.relpages ELSE 32 END
        * (pg_relation_size(c.oid) / current_setting('block_size')::int)
      FROM pg_class c WHERE c.oid = 'tasks'::regclass)::float8 AS "rows",
    (SELECT coalesce(jsonb_object_agg(state, share), '{}') FROM (
      SELECT unnest(s.most_common_vals::text::text[]) AS state, unnest(s.most_common_freqs) AS share
      FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
      JOIN pg_class c ON c.relname = s.tablename AND c.relnamespace = n.oid
      WHERE c.oid = 'tasks'::regclass AND s.attname = 'state') common) AS shares,
    (SELECT jsonb_build_object(
        'connected', count(*) FILTER (WHERE live AND NOT draining),
        'draining', count(*) FILTER (WHERE live AND draining),
        'lost', count(*) FILTER (WHERE NOT live),
        'slots', coalesce(sum(slots) FILTER (WHERE live AND NOT draining), 0))
      FROM (SELECT draining, slots, lease_until > statement_timestamp() AS live FROM workers) w) AS workers
`;

interface Overview {
  asOf: Date;
  rows: number;
  /** The part of all rows that is in a state, for states that are common. */
  shares: Partial<Record<TaskState, number>>;
  workers: Record<WorkerState | 'slots', number>;
}

/** What waits, runs and has ended. Takes about 0.1 s at most, whatever the size of the table. */
export async function readStats(db: Queryable, exactRows = EXACT_ROWS): Promise<Stats> {
  const { rows } = await db.query<Overview>(OVERVIEW_SQL);
  const overview = rows[0];
  if (overview === undefined) throw new Error('reading the statistics returned no row');
  const approximate = overview.rows > exactRows;
  const counts = approximate ? await countLiveTasks(db) : await countAllTasks(db);
  const queues = byQueue(counts);
  const { slots, ...workers } = overview.workers;
  return {
    asOf: overview.asOf,
    approximate,
    tasks: approximate ? estimate(overview, counts, queues.length) : sumByState(counts),
    overdue: queues.reduce((sum, queue) => sum + queue.overdue, 0),
    oldestOverdueMs: oldest(queues.map((queue) => queue.oldestOverdueMs)),
    workers,
    slots,
    queues: queues.slice(0, QUEUE_CAP),
  };
}

function sumByState(counts: readonly TaskCount[]): Record<TaskState, number> {
  const sums = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  for (const { state, count } of counts) sums[state] += count;
  return sums;
}

/** The sums where counting reached the end, PostgreSQL's estimates elsewhere. */
function estimate(overview: Overview, counts: readonly TaskCount[], queues: number): Record<TaskState, number> {
  const sums = sumByState(counts);
  for (const state of TASK_STATES) {
    const counted = counts.filter((count) => count.state === state);
    const complete = counted.length > 0 && queues < QUEUE_CAP && counted.every(({ count }) => count < COUNT_CAP);
    if (!complete) sums[state] = Math.max(sums[state], Math.round((overview.shares[state] ?? 0) * overview.rows));
  }
  return sums;
}

function byQueue(counts: readonly TaskCount[]): QueueStats[] {
  const groups = new Map<string, TaskCount[]>();
  for (const count of counts) {
    const group = groups.get(count.queue);
    if (group === undefined) groups.set(count.queue, [count]);
    else group.push(count);
  }
  return [...groups].map(([queue, own]) => {
    const { scheduled, picked, running } = sumByState(own);
    return {
      queue,
      scheduled,
      picked,
      running,
      overdue: own.reduce((sum, count) => sum + count.overdue, 0),
      oldestOverdueMs: oldest(own.map((count) => count.oldestOverdueMs)),
    };
  });
}

function oldest(ages: readonly (number | null)[]): number | null {
  const known = ages.filter((age) => age !== null);
  return known.length === 0 ? null : Math.round(known.reduce((a, b) => Math.max(a, b)));
}
