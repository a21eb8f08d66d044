import { keyColumns } from './attempt-key.ts';
import type { Queryable } from './pool.ts';
import { toRecordedEnd, type FinishedAttempt, type RecordedEnd, type RecordedRow } from './report-sql.ts';

const SQL = /* sql */ `
  SELECT r.id, r.attempt, CASE t.attempt WHEN r.attempt THEN t.state ELSE 'scheduled' END AS state
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::attempt_reason[]) AS r (id, attempt, worker_id, reason)
  JOIN tasks t ON t.id = r.id
  WHERE (t.attempt = r.attempt AND t.worker_id = r.worker_id
      AND (t.state IN ('completed', 'failed') AND t.reason = r.reason OR t.state = 'cancelled'))
    OR EXISTS (SELECT FROM past_attempts p
      WHERE p.task_id = r.id AND p.attempt = r.attempt AND p.worker_id = r.worker_id AND p.reason = r.reason)
`;

/**
 * Which of these reports are recorded already: an earlier statement may have been committed and its answer lost. Returns
 * them with what their tasks became by it.
 */
export async function findRecordedEnds(db: Queryable, reports: readonly FinishedAttempt[]): Promise<RecordedEnd[]> {
  const { rows } = await db.query<RecordedRow>(SQL, [
    ...keyColumns(reports),
    reports.map(({ workerId }) => workerId),
    reports.map(({ result }) => result.reason),
  ]);
  return rows.map(toRecordedEnd);
}
