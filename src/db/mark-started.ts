import type { AttemptKey } from './attempt-key.ts';
import { keyColumns } from './attempt-key.ts';
import { giveUpAtSql } from './out-of-time.ts';
import type { Queryable } from './pool.ts';

export interface Start extends AttemptKey {
  readonly workerId: string;
  /** Microseconds ago. */
  readonly startedAgeUs: number;
}

const startedSql = (coordinator: string) => /* sql */ `
  WITH found AS MATERIALIZED (
    SELECT t.id, start.worker_id,
      coalesce(t.started_at,
        greatest(t.picked_at, statement_timestamp() - start.age_us * interval '1 microsecond')) AS started_at
    FROM tasks t
    JOIN unnest($2::uuid[], $3::int[], $4::text[], $5::float8[]) AS start (id, attempt, worker_id, age_us)
      ON t.id = start.id AND t.attempt = start.attempt
    WHERE t.state IN ('picked', 'running') AND (t.worker_id IS NULL OR t.worker_id = start.worker_id)
    ORDER BY t.id FOR NO KEY UPDATE OF t
  )
  UPDATE tasks t SET
    state = 'running', worker_id = found.worker_id, coordinator_id = ${coordinator}, started_at = found.started_at,
    first_started_at = coalesce(t.first_started_at, found.started_at),
    give_up_at = ${giveUpAtSql('coalesce(t.first_started_at, found.started_at)')}
  FROM found WHERE t.id = found.id
  RETURNING t.id, t.attempt
`;

// A report may be recorded late, when its worker has long brought the attempt to another coordinator.
const MARK = { name: 'mark-started', text: startedSql(`CASE t.state WHEN 'picked' THEN $1 ELSE t.coordinator_id END`) };
const ADOPT = { name: 'adopt-attempts', text: startedSql('$1') };

/**
 * Records that attempts run, and where, as reported to a coordinator. Returns the attempts that are current; the others
 * are superseded, and their worker must kill them.
 */
export function markStarted(db: Queryable, coordinatorId: string, starts: readonly Start[]): Promise<AttemptKey[]> {
  return record(MARK, db, coordinatorId, starts);
}

/** The same for what a worker has in hand when it registers; from then on this coordinator is who can stop it. */
export function adoptAttempts(db: Queryable, coordinatorId: string, starts: readonly Start[]): Promise<AttemptKey[]> {
  return record(ADOPT, db, coordinatorId, starts);
}

async function record(
  statement: typeof MARK,
  db: Queryable,
  coordinatorId: string,
  starts: readonly Start[],
): Promise<AttemptKey[]> {
  if (starts.length === 0) return [];
  const { rows } = await db.query<{ id: string; attempt: number }>({
    ...statement,
    values: [coordinatorId, ...keyColumns(starts), starts.map((s) => s.workerId), starts.map((s) => s.startedAgeUs)],
  });
  return rows.map((row) => ({ taskId: row.id, attempt: row.attempt }));
}
