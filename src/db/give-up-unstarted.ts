import { keyColumns } from './attempt-key.ts';
import { DUE_CHANNEL } from './channels.ts';
import { giveUpAtSql } from './out-of-time.ts';
import { LET_GO } from './own-claims.ts';
import type { Queryable } from './pool.ts';
import { CURRENT, toRecordedEnd, type FinishedAttempt, type RecordedEnd, type RecordedRow } from './report-sql.ts';

/** When an attempt first started, unless that was this one, which did not: its start deadline still holds then. */
const FIRST_STARTED_AT = 'nullif(t.first_started_at, t.started_at)';

/*
 * Whoever claimed it: the worker may have brought the news to another coordinator. And also when it counts as running: a
 * registration names what is about to start.
 */
const SQL = /* sql */ `
  WITH found AS MATERIALIZED (
    SELECT t.id FROM tasks t
    JOIN unnest($1::uuid[], $2::int[], $3::text[]) AS r (id, attempt, worker_id) ON ${CURRENT}
    ORDER BY t.id FOR NO KEY UPDATE OF t
  ), given_up AS (
    UPDATE tasks t SET ${LET_GO}, worker_id = NULL, started_at = NULL, first_started_at = ${FIRST_STARTED_AT},
      give_up_at = ${giveUpAtSql(FIRST_STARTED_AT)}
    FROM found WHERE t.id = found.id
    RETURNING t.id, t.attempt, t.state
  ), woken AS (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM given_up WHERE state = 'scheduled' LIMIT 1
  )
  SELECT id, attempt, state FROM given_up WHERE (SELECT count(*) FROM woken) >= 0
`;

/**
 * Takes back what workers had and did not start. It may run again whatever its task says of lost attempts, and does not
 * count as one; its number is spent. Returns what was recorded.
 */
export async function giveUpUnstarted(db: Queryable, reports: readonly FinishedAttempt[]): Promise<RecordedEnd[]> {
  if (reports.length === 0) return [];
  const { rows } = await db.query<RecordedRow>(SQL, [...keyColumns(reports), reports.map((r) => r.workerId)]);
  return rows.map(toRecordedEnd);
}
