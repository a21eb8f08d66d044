import { giveUpUnstarted } from './give-up-unstarted.ts';
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
 * Takes back what workers report as `worker_lost`, since they have to leave or could not renew their lease. What had
 * started counts as lost; what had not may run again whatever the task says of that. `record` is told what each of the
 * two statements has recorded.
 */
export async function handBackAttempts(
  db: Queryable,
  coordinatorId: string,
  reports: readonly FinishedAttempt[],
  record: (ends: readonly RecordedEnd[]) => void,
): Promise<void> {
  const unstarted = reports.filter(({ startedAgeUs }) => startedAgeUs === null);
  record(await giveUpUnstarted(db, unstarted));
  const started = reports.filter(({ startedAgeUs }) => startedAgeUs !== null);
  if (started.length === 0) return;
  const { rows } = await db.query<LostRow>(SQL, [coordinatorId, ...reportColumns(started)]);
  record(rows.map(toRecordedEnd));
}
