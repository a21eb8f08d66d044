import type { AttemptKey } from './attempt-key.ts';
import { keyColumns } from './attempt-key.ts';
import type { Queryable } from './pool.ts';

export interface Start extends AttemptKey {
  readonly workerId: string;
  /** Microseconds ago. */
  readonly startedAgeUs: number;
}

const SQL = /* sql */ `
  UPDATE tasks t SET
    state = 'running', worker_id = start.worker_id, coordinator_id = $1,
    started_at = coalesce(t.started_at,
      greatest(t.picked_at, statement_timestamp() - start.age_us * interval '1 microsecond'))
  FROM unnest($2::uuid[], $3::int[], $4::text[], $5::float8[]) AS start (id, attempt, worker_id, age_us)
  WHERE t.id = start.id AND t.attempt = start.attempt AND t.state IN ('picked', 'running')
    AND (t.worker_id IS NULL OR t.worker_id = start.worker_id)
  RETURNING t.id, t.attempt
`;

/**
 * Records that attempts run, and where. Used for reports of starts and for workers that reconnect with attempts in
 * hand. Returns the attempts that are current; the others are superseded, and their worker must kill them.
 */
export async function markStarted(
  db: Queryable,
  coordinatorId: string,
  starts: readonly Start[],
): Promise<AttemptKey[]> {
  if (starts.length === 0) return [];
  const { rows } = await db.query<{ id: string; attempt: number }>({
    name: 'mark-started',
    text: SQL,
    values: [coordinatorId, ...keyColumns(starts), starts.map((s) => s.workerId), starts.map((s) => s.startedAgeUs)],
  });
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}
