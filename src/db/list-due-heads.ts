import type { Queryable } from './pool.ts';

/** The first task in line of one lane and priority. */
export interface DueHead {
  readonly lane: string;
  readonly priority: number;
  /** Milliseconds from now, by PostgreSQL's clock; negative when overdue. */
  readonly dueInMs: number;
}

/*
 * A loose index scan over tasks_due: one probe for each lane and priority that has a waiting task, whatever the number
 * of tasks. PostgreSQL has no skip scan of its own for this before version 18.
 */
const SQL = /* sql */ `
  WITH RECURSIVE heads AS (
    (
      SELECT lane, priority, due_at FROM tasks
      WHERE state = 'scheduled'
      ORDER BY lane, (-priority), due_at, id LIMIT 1
    )
    UNION ALL
    SELECT next.lane, next.priority, next.due_at
    FROM heads CROSS JOIN LATERAL (
      SELECT lane, priority, due_at FROM tasks
      WHERE state = 'scheduled' AND (lane, (-priority)) > (heads.lane, (-heads.priority))
      ORDER BY lane, (-priority), due_at, id LIMIT 1
    ) AS next
  )
  SELECT lane, priority, extract(epoch FROM due_at - clock_timestamp())::float8 * 1000 AS due_in_ms
  FROM heads
  ORDER BY priority DESC, due_at
`;

/** What waits first in each lane and priority: highest priority first, then the longest due. */
export async function listDueHeads(db: Queryable): Promise<DueHead[]> {
  const { rows } = await db.query<{ lane: string; priority: number; due_in_ms: number }>({
    name: 'list-due-heads',
    text: SQL,
  });
  return rows.map((row) => ({ lane: row.lane, priority: row.priority, dueInMs: row.due_in_ms }));
}
