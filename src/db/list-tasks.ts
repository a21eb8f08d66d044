import { TASK_STATES, type TaskState } from '../domain/task-state.ts';
import type { Queryable } from './pool.ts';
import { rangesSql } from './task-ranges.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export interface TaskFilter {
  /** Any of these; none given: all. */
  readonly states?: readonly TaskState[];
  readonly queue?: string;
  readonly workerId?: string;
  /** Scheduled at this instant or later. */
  readonly scheduledFrom?: Date;
  /** Scheduled before this instant. */
  readonly scheduledTo?: Date;
}

/** A place in the list: that of one task. */
export interface ListPosition {
  /** ISO 8601 in UTC to the microsecond, as PostgreSQL keeps it. */
  readonly scheduledAt: string;
  readonly id: string;
}

export interface TaskPage {
  readonly tasks: readonly TaskRow[];
  /** Where the next page begins, behind this; `null`: this is the last one. */
  readonly next: ListPosition | null;
}

/**
 * Reads about as much as the page holds, whatever the size of the table. Tasks of one queue in one state are a range of
 * an index that is in the right order already. `ranges` finds those ranges by jumping from one to the next; a page can
 * hold tasks of no more than the `$6` whose newest task is newest, and no more than `$6` of each.
 */
function listSql(worker: string): string {
  const newest = (limit: string) => `
    SELECT t.id, t.scheduled_at FROM tasks t
    WHERE ${worker} t.queue = r.queue AND t.state = r.state
      AND t.scheduled_at >= $3 AND (t.scheduled_at, t.id) < ($4, $5::uuid)
    ORDER BY t.scheduled_at DESC, t.id DESC LIMIT ${limit}`;
  return /* sql */ `
    WITH RECURSIVE ${rangesSql(worker)}, candidates AS (
      SELECT r.queue, r.state FROM ranges r CROSS JOIN LATERAL (${newest('1')}) first
      WHERE r.state = ANY ($2::task_state[])
      ORDER BY first.scheduled_at DESC, first.id DESC LIMIT $6
    ), page AS (
      SELECT n.id, n.scheduled_at FROM candidates r CROSS JOIN LATERAL (${newest('$6')}) n
      ORDER BY n.scheduled_at DESC, n.id DESC LIMIT $6
    )
    SELECT ${TASK_COLUMNS},
      to_char(t.scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "exactScheduledAt"
    FROM page JOIN tasks t USING (id)
    ORDER BY page.scheduled_at DESC, page.id DESC
  `;
}

const BY_QUEUE_SQL = listSql('');
const BY_WORKER_SQL = listSql('t.worker_id = $7 AND');

const FIRST_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * What the page comes before. One bound, since PostgreSQL would begin to read at either of two, and read past all that
 * lies between them.
 */
function upperBound(to: Date | undefined, after: ListPosition | null): ListPosition {
  if (after !== null && (to === undefined || Date.parse(after.scheduledAt) < to.getTime())) return after;
  return { scheduledAt: to?.toISOString() ?? 'infinity', id: FIRST_UUID };
}

/** The statement and its values, apart so that a test can ask PostgreSQL how it would run it. */
export function listTasksQuery(filter: TaskFilter, after: ListPosition | null, limit: number) {
  const before = upperBound(filter.scheduledTo, after);
  const values: unknown[] = [
    filter.queue ?? null,
    filter.states ?? TASK_STATES,
    filter.scheduledFrom?.toISOString() ?? '-infinity',
    before.scheduledAt,
    before.id,
    limit,
  ];
  if (filter.workerId === undefined) return { text: BY_QUEUE_SQL, values };
  return { text: BY_WORKER_SQL, values: [...values, filter.workerId] };
}

/** Up to `limit` tasks, those scheduled last first, behind `after`. */
export async function listTasks(
  db: Queryable,
  filter: TaskFilter,
  after: ListPosition | null,
  limit: number,
): Promise<TaskPage> {
  // One more than asked for tells whether there is a next page.
  const { rows } = await db.query<TaskRow & { exactScheduledAt: string }>(listTasksQuery(filter, after, limit + 1));
  const tasks = rows.slice(0, limit);
  const last = rows.length > limit ? tasks.at(-1) : undefined;
  return { tasks, next: last === undefined ? null : { scheduledAt: last.exactScheduledAt, id: last.id } };
}
