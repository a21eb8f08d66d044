import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  SELECT coalesce(substring(s.data FROM $3::int + 1 FOR $4::int), '') AS data
  FROM tasks t LEFT JOIN task_stdin s ON s.task_id = t.id
  WHERE t.id = $1 AND t.attempt = $2 AND t.state IN ('picked', 'running')
`;

/** PostgreSQL keeps no value as long as this. */
const BEYOND_END = 2 ** 30;

/**
 * Up to `length` bytes, from `offset` on, of what the command of an attempt reads; none: it has read all.
 * `null`: the attempt is not the task's current one, or has ended.
 */
export async function readStdin(
  db: Queryable,
  { attempt, taskId }: AttemptKey,
  offset: number,
  length: number,
): Promise<Buffer | null> {
  const { rows } = await db.query<{ data: Buffer }>(SQL, [taskId, attempt, Math.min(offset, BEYOND_END), length]);
  return rows[0]?.data ?? null;
}
