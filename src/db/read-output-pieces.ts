import type { OutputPiece } from '../domain/output.ts';
import type { AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

/** How much is read at once: pieces until they have so many bytes together. */
const PAGE_BYTES = 256 * 1024;
const PAGE_PIECES = 500;

// Bytes are fetched only of the rows that are returned.
const SQL = /* sql */ `
  SELECT start_at::float8 AS start, data, segments, stdout_end::float8 AS "stdoutEnd", stderr_end::float8 AS "stderrEnd",
    NULL AS "replacesFrom"
  FROM (
    SELECT *, sum(stdout_end + stderr_end - start_at) OVER (ORDER BY start_at) - (stdout_end + stderr_end - start_at) AS before
    FROM output_chunks
    WHERE task_id = $1 AND attempt = $2 AND start_at >= coalesce((
      -- The piece that the position lies in, if any.
      SELECT max(start_at) FROM output_chunks
      WHERE task_id = $1 AND attempt = $2 AND start_at <= $3 AND stdout_end + stderr_end > $3
    ), $3)
    ORDER BY start_at
    LIMIT ${PAGE_PIECES}
  ) AS page
  WHERE before < ${PAGE_BYTES}
  ORDER BY start
`;

/** The next pieces of what an attempt wrote, from the one on that the position `from` lies in; none: there are no more. */
export async function readOutputPieces(db: Queryable, key: AttemptKey, from: number): Promise<OutputPiece[]> {
  const values = [key.taskId, key.attempt, from];
  const { rows } = await db.query<OutputPiece>({ name: 'read-output-pieces', text: SQL, values });
  return rows;
}
