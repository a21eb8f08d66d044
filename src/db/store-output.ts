import type { OutputPiece } from '../domain/output.ts';
import { keyColumns, keyOf, type AttemptKey } from './attempt-key.ts';
import type { Queryable } from './pool.ts';
import { intArray } from './report-sql.ts';

/** A piece of what an attempt wrote. */
export type StoredPiece = OutputPiece & AttemptKey;

export interface StoreOutputResult {
  /** What is stored now, or was already. */
  readonly stored: readonly (AttemptKey & { readonly start: number })[];
  /** These attempts are not current, and nothing of them was stored. */
  readonly superseded: readonly AttemptKey[];
}

/*
 * Workers send pieces again until they hear that they are stored, to another coordinator if they must, so a statement of
 * the one they left may come late, behind newer ones. What it inserts is then there already, or overlaps newer pieces,
 * whose bytes are the same; of two that begin together the longer one stays. Removing is another matter: only the
 * coordinator that has the worker may.
 *
 * What is removed and what is inserted may have the same position, so removing comes first. What is inserted goes in in
 * the order of its key, so that two statements with the same pieces wait for, and do not deadlock with, one another.
 */
const SQL = /* sql */ `
  WITH current AS (
    SELECT t.id, t.attempt, t.coordinator_id = $1 AS own
    FROM unnest($2::uuid[], $3::int[]) AS a (id, attempt)
    JOIN tasks t ON t.id = a.id AND t.attempt = a.attempt AND t.state IN ('picked', 'running')
  ), removed AS (
    DELETE FROM output_chunks o
    USING unnest($4::uuid[], $5::int[], $6::int8[]) AS r (id, attempt, start_at)
    JOIN current USING (id, attempt)
    WHERE current.own AND o.task_id = r.id AND o.attempt = r.attempt AND o.start_at >= r.start_at
    RETURNING o.task_id
  ), inserted AS (
    INSERT INTO output_chunks (task_id, attempt, start_at, data, segments, stdout_end, stderr_end)
    SELECT id, attempt, start_at, data, segments::int[], stdout_end, stderr_end
    FROM unnest($7::uuid[], $8::int[], $9::int8[], $10::bytea[], $11::text[], $12::int8[], $13::int8[])
      AS p (id, attempt, start_at, data, segments, stdout_end, stderr_end)
    JOIN current USING (id, attempt)
    WHERE (SELECT count(*) FROM removed) >= 0
    ORDER BY id, attempt, start_at
    ON CONFLICT (task_id, attempt, start_at) DO UPDATE SET data = excluded.data, segments = excluded.segments,
      stdout_end = excluded.stdout_end, stderr_end = excluded.stderr_end
    WHERE octet_length(output_chunks.data) < octet_length(excluded.data)
  )
  SELECT id, attempt FROM current
`;

/**
 * Stores what commands write while they run, in one statement; of each attempt in the order in which it was sent. Only
 * current attempts are written to. The same piece again changes nothing.
 */
export async function storeOutput(
  db: Queryable,
  coordinatorId: string,
  pieces: readonly StoredPiece[],
): Promise<StoreOutputResult> {
  if (pieces.length === 0) return { stored: [], superseded: [] };
  const attempts = gather(pieces);
  const replacing = attempts.filter(({ replacesFrom }) => replacesFrom !== null);
  const left = attempts.flatMap((attempt) => attempt.pieces);
  const { rows } = await db.query<{ id: string; attempt: number }>({
    name: 'store-output',
    text: SQL,
    values: [
      coordinatorId,
      ...keyColumns(attempts),
      ...keyColumns(replacing),
      replacing.map(({ replacesFrom }) => replacesFrom),
      ...keyColumns(left),
      left.map(({ start }) => start),
      left.map(({ data }) => data),
      left.map(({ segments }) => intArray(segments)),
      left.map(({ stdoutEnd }) => stdoutEnd),
      left.map(({ stderrEnd }) => stderrEnd),
    ],
  });
  const current = new Set(rows.map((row) => keyOf({ taskId: row.id, attempt: row.attempt })));
  const isCurrent = (key: AttemptKey) => current.has(keyOf(key));
  return {
    stored: pieces.filter(isCurrent).map(({ taskId, attempt, start }) => ({ taskId, attempt, start })),
    superseded: attempts.filter((key) => !isCurrent(key)).map(({ taskId, attempt }) => ({ taskId, attempt })),
  };
}

interface Gathered extends AttemptKey {
  /** What is to be left in the end, of these pieces. */
  pieces: StoredPiece[];
  /** Of what is stored, everything from here on is to go. */
  replacesFrom: number | null;
}

/** By attempt; what a later piece replaces is not stored first. */
function gather(pieces: readonly StoredPiece[]): Gathered[] {
  const byKey = new Map<string, Gathered>();
  for (const piece of pieces) {
    const { attempt, replacesFrom, taskId } = piece;
    const key = keyOf(piece);
    const gathered = byKey.get(key) ?? { taskId, attempt, pieces: [], replacesFrom: null };
    byKey.set(key, gathered);
    if (replacesFrom !== null) {
      gathered.pieces = gathered.pieces.filter(({ start }) => start < replacesFrom);
      gathered.replacesFrom = Math.min(replacesFrom, gathered.replacesFrom ?? Infinity);
    }
    const same = gathered.pieces.findIndex(({ start }) => start === piece.start);
    if (same < 0) gathered.pieces.push(piece);
    else if ((gathered.pieces[same]?.data.length ?? 0) < piece.data.length) gathered.pieces[same] = piece;
  }
  return [...byKey.values()];
}
