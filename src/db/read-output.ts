import type { Queryable } from './pool.ts';

/** Where a stored piece of output lies, without its bytes. */
export interface OutputSpan {
  /** Position of its first byte; see `OutputPiece`. */
  readonly start: number;
  /** Bytes written to each stream up to its end; their sum is the position of its end. */
  readonly stdoutEnd: number;
  readonly stderrEnd: number;
  /** How many of its bytes went to stdout; the others went to stderr. */
  readonly stdoutBytes: number;
}

export interface StoredOutput {
  readonly attempt: number;
  /** The number of the task's newest attempt; 0 before the first. */
  readonly newestAttempt: number;
  /** Nothing more comes. */
  readonly complete: boolean;
  /** By position. */
  readonly spans: readonly OutputSpan[];
}

const SQL = /* sql */ `
  SELECT a.number AS attempt, t.attempt AS newest_attempt, o.start_at::float8 AS start, o.stdout_end::float8 AS stdout_end,
    o.stderr_end::float8 AS stderr_end,
    (SELECT coalesce(sum(length), 0) FROM unnest(o.segments) AS length WHERE length > 0)::float8 AS stdout_bytes,
    t.state IN ('completed', 'failed', 'cancelled', 'expired') OR a.number < t.attempt
      OR (t.state = 'scheduled' AND a.number > 0) AS complete
  FROM tasks t
  CROSS JOIN LATERAL (SELECT coalesce($2, t.attempt)) AS a (number)
  LEFT JOIN output_chunks o ON o.task_id = t.id AND o.attempt = a.number
  WHERE t.id = $1
  ORDER BY o.start_at
`;

interface Row {
  attempt: number;
  newest_attempt: number;
  complete: boolean;
  start: number | null;
  stdout_end: number;
  stderr_end: number;
  stdout_bytes: number;
}

/**
 * What is stored of what an attempt wrote, that of the newest one without `attempt`. Their bytes are read by
 * readOutputPieces. `null` when there is no such task.
 */
export async function readOutput(db: Queryable, taskId: string, attempt: number | null): Promise<StoredOutput | null> {
  const { rows } = await db.query<Row>({ name: 'read-output', text: SQL, values: [taskId, attempt] });
  const [first] = rows;
  if (first === undefined) return null;
  const spans = rows.flatMap((row) =>
    row.start === null
      ? []
      : { start: row.start, stdoutEnd: row.stdout_end, stderrEnd: row.stderr_end, stdoutBytes: row.stdout_bytes },
  );
  return { attempt: first.attempt, newestAttempt: first.newest_attempt, complete: first.complete, spans };
}
