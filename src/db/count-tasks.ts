import type { TaskState } from '../domain/task-state.ts';
import type { Queryable } from './pool.ts';

/** Tasks of one queue in one state. */
export interface TaskCount {
  readonly queue: string;
  readonly state: TaskState;
  readonly count: number;
  /** Due and not started. */
  readonly overdue: number;
  /** How long the first of those has been due, in milliseconds; `null`: none is. */
  readonly oldestOverdueMs: number | null;
}

/** Where {@link countLiveTasks} ends: so many tasks of a queue in a state. */
export const COUNT_CAP = 10_000;
/** So many overdue ones. Lower, since each is a read of the table, not of the index alone. */
export const OVERDUE_CAP = 1_000;
/** So many queues. */
export const QUEUE_CAP = 1_000;

const ALL_SQL = /* sql */ `
  SELECT queue, state, count(*)::float8 AS count,
    count(*) FILTER (WHERE state IN ('scheduled', 'picked') AND due_at <= statement_timestamp())::float8 AS overdue,
    extract(epoch FROM statement_timestamp()
      - min(due_at) FILTER (WHERE state IN ('scheduled', 'picked') AND due_at <= statement_timestamp()))::float8 * 1000
      AS "oldestOverdueMs"
  FROM tasks GROUP BY queue, state ORDER BY queue, state
`;

// Ranges of the index tasks_listing, each read up to a cap. What is due was scheduled before, and what was scheduled
// first comes first, so that the oldest is found even where counting ends.
const LIVE_SQL = /* sql */ `
  WITH RECURSIVE known AS (
    (SELECT queue, 1 AS position FROM tasks ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT t.queue FROM tasks t WHERE t.queue > k.queue ORDER BY t.queue LIMIT 1), k.position + 1
    FROM known k WHERE k.queue IS NOT NULL AND k.position < ${QUEUE_CAP}
  )
  SELECT k.queue, s.state, counted.count, late.overdue,
    extract(epoch FROM statement_timestamp() - late.first)::float8 * 1000 AS "oldestOverdueMs"
  FROM known k
  CROSS JOIN unnest(ARRAY['scheduled', 'picked', 'running']::task_state[]) AS s (state)
  CROSS JOIN LATERAL (
    SELECT count(*)::float8 AS count
    FROM (
      SELECT FROM tasks t WHERE t.queue = k.queue AND t.state = s.state ORDER BY t.scheduled_at LIMIT ${COUNT_CAP}
    ) c
  ) counted
  CROSS JOIN LATERAL (
    SELECT count(*)::float8 AS overdue, min(l.due_at) AS first
    FROM (
      SELECT t.due_at FROM tasks t
      WHERE s.state <> 'running' AND t.queue = k.queue AND t.state = s.state AND t.scheduled_at <= statement_timestamp()
      ORDER BY t.scheduled_at LIMIT ${OVERDUE_CAP}
    ) l
    WHERE l.due_at <= statement_timestamp()
  ) late
  WHERE k.queue IS NOT NULL
  ORDER BY k.queue, s.state
`;

/** Counts every task. Reads the whole table. */
export async function countAllTasks(db: Queryable): Promise<TaskCount[]> {
  const { rows } = await db.query<TaskCount>(ALL_SQL);
  return rows;
}

/** Counts the tasks that have not ended, up to the caps. Its cost does not depend on the size of the table. */
export async function countLiveTasks(db: Queryable): Promise<TaskCount[]> {
  const { rows } = await db.query<TaskCount>(LIVE_SQL);
  return rows;
}
