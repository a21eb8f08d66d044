import type { Queryable } from '../../../src/db/pool.ts';
import type { OutputPiece } from '../../../src/domain/output.ts';

const SQL = /* sql */ `
  INSERT INTO output_chunks (task_id, attempt, start_at, data, segments, stdout_end, stderr_end)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
`;

/** Puts pieces of output straight into the table. */
export async function seedOutput(
  db: Queryable,
  taskId: string,
  attempt: number,
  pieces: readonly OutputPiece[],
): Promise<void> {
  for (const { start, data, segments, stdoutEnd, stderrEnd } of pieces) {
    await db.query(SQL, [taskId, attempt, start, data, segments, stdoutEnd, stderrEnd]);
  }
}
