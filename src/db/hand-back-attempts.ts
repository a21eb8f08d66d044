import { without } from './attempt-key.ts';
import { giveUpClaims } from './give-up-claims.ts';
import { loseAttemptsSql, type LostRow } from './lose-attempts.ts';
import type { Queryable } from './pool.ts';
import {
  CURRENT,
  ENDED_AT,
  KEEP_OUTPUT,
  reportColumns,
  reportSql,
  STARTED_AT,
  toRecordedEnd,
  type FinishedAttempt,
  type RecordedEnd,
} from './report-sql.ts';

const SQL = loseAttemptsSql({
  ctes: `report AS (${reportSql()}),`,
  from: `JOIN report r ON ${CURRENT}`,
  facts: {
    coordinator_id: '$1::uuid',
    worker_id: 'r.worker_id',
    started_at: STARTED_AT,
    ended_at: ENDED_AT,
    error: `coalesce(r.error, 'its worker handed it back')`,
    cpu_ms: 'r.cpu_ms',
    peak_memory_bytes: 'r.peak_memory_bytes',
  },
  then: KEEP_OUTPUT,
});

/**
 * Takes back what workers report as `worker_lost`, since they have to leave. What had started counts as lost; what had
 * not may run again whatever the task says of that. Returns what was recorded.
 */
export async function handBackAttempts(
  db: Queryable,
  coordinatorId: string,
  reports: readonly FinishedAttempt[],
): Promise<RecordedEnd[]> {
  if (reports.length === 0) return [];
  const unstarted = reports.filter(({ startedAgeUs }) => startedAgeUs === null);
  const givenUp = await giveUpClaims(db, coordinatorId, unstarted);
  const left = without(reports, givenUp);
  if (left.length === 0) return givenUp;
  const { rows } = await db.query<LostRow>(SQL, [coordinatorId, ...reportColumns(left)]);
  return [...givenUp, ...rows.map(toRecordedEnd)];
}
