import type { Queryable } from './pool.ts';

/** What a command wrote to one stream. */
export interface StreamOutput {
  /** The first bytes, up to the worker's cap. */
  readonly kept: Buffer;
  /** All bytes that were written, kept or not. */
  readonly totalBytes: number;
}

export interface TaskOutput {
  readonly attempt: number;
  /** The number of the task's newest attempt; 0 before the first. */
  readonly newestAttempt: number;
  readonly stdout: StreamOutput;
  readonly stderr: StreamOutput;
}

const SQL = /* sql */ `
  SELECT coalesce($2, t.attempt) AS attempt, t.attempt AS newest_attempt,
    coalesce(o.stdout, '') AS stdout, coalesce(o.stderr, '') AS stderr,
    coalesce(o.stdout_bytes, 0)::float8 AS stdout_bytes, coalesce(o.stderr_bytes, 0)::float8 AS stderr_bytes
  FROM tasks t
  LEFT JOIN outputs o ON o.task_id = t.id AND o.attempt = coalesce($2, t.attempt)
  WHERE t.id = $1
`;

interface Row {
  attempt: number;
  newest_attempt: number;
  stdout: Buffer;
  stderr: Buffer;
  stdout_bytes: number;
  stderr_bytes: number;
}

/**
 * What an attempt wrote, that of the newest one without `attempt`; empty while nothing was reported.
 * `null` when there is no such task.
 */
export async function getOutput(db: Queryable, taskId: string, attempt: number | null): Promise<TaskOutput | null> {
  const { rows } = await db.query<Row>(SQL, [taskId, attempt]);
  const row = rows[0];
  if (row === undefined) return null;
  return {
    attempt: row.attempt,
    newestAttempt: row.newest_attempt,
    stdout: { kept: row.stdout, totalBytes: row.stdout_bytes },
    stderr: { kept: row.stderr, totalBytes: row.stderr_bytes },
  };
}
