import { judge, type MaybeRetryPolicy, type RetryCounts } from '../domain/retry-policy.ts';
import { keyColumns, keyOf, without } from './attempt-key.ts';
import { endAttempts, type Ending } from './end-attempts.ts';
import { handBackAttempts } from './hand-back-attempts.ts';
import type { Queryable } from './pool.ts';
import type { FinishedAttempt, RecordedEnd } from './report-sql.ts';
import { retryAttempts, type Retry } from './retry-attempts.ts';

export type { FinishedAttempt, RecordedEnd } from './report-sql.ts';

const POLICIES_SQL = /* sql */ `
  SELECT t.id, t.attempt, t.retry, t.retry_counts FROM tasks t
  JOIN unnest($1::uuid[], $2::int[]) AS r (id, attempt) ON t.id = r.id AND t.attempt = r.attempt
`;

interface Policy {
  readonly retry: MaybeRetryPolicy;
  readonly retry_counts: RetryCounts;
}

export interface FinishOptions {
  /** Spreads backoffs. */
  readonly random?: () => number;
  /** Told what each statement has recorded before the next one is sent, which may fail. */
  readonly onRecorded?: (ends: readonly RecordedEnd[]) => void;
}

/**
 * Records results and what was written. Tasks without a retry policy, those that somebody asked to cancel, and plain
 * successes take one statement; only for the others are policies looked up. Returns the attempts that were current;
 * the others are superseded or were recorded before, and nothing of them is stored.
 */
export async function finishAttempts(
  db: Queryable,
  coordinatorId: string,
  reports: readonly FinishedAttempt[],
  { onRecorded, random = Math.random }: FinishOptions = {},
): Promise<RecordedEnd[]> {
  const recorded: RecordedEnd[] = [];
  const record = (ends: readonly RecordedEnd[]) => {
    recorded.push(...ends);
    if (ends.length > 0) onRecorded?.(ends);
  };
  const handedBack = reports.filter(({ result }) => result.reason === 'worker_lost');
  const own = reports.filter(({ result }) => result.reason !== 'worker_lost');
  record(await endAttempts(db, coordinatorId, own.map(withoutPolicy)));
  const left = without(own, recorded);
  await finishByPolicy(db, coordinatorId, left, random, record);
  await handBackAttempts(db, coordinatorId, handedBack, record);
  return recorded;
}

function withoutPolicy(report: FinishedAttempt): Ending {
  const { kind } = judge(null, [], report.result, () => 0);
  const { reason } = report.result;
  return {
    ...report,
    state: kind === 'completed' ? kind : 'failed',
    final: reason === 'cancelled' || reason === 'rejected',
  };
}

/**
 * What a policy says of an attempt cannot change while the attempt is current, so it is looked up, judged and recorded
 * in turn without a lock between. Should somebody ask to cancel meanwhile, no retry is recorded but that.
 */
async function finishByPolicy(
  db: Queryable,
  coordinatorId: string,
  reports: readonly FinishedAttempt[],
  random: () => number,
  record: (ends: readonly RecordedEnd[]) => void,
): Promise<void> {
  if (reports.length === 0) return;
  const policies = await readPolicies(db, reports);
  const retries: Retry[] = [];
  const endings: Ending[] = [];
  for (const report of reports) {
    const policy = policies.get(keyOf(report));
    if (policy === undefined) continue;
    const verdict = judge(policy.retry, policy.retry_counts, report.result, random);
    if (verdict.kind === 'retry') retries.push({ ...report, verdict });
    else endings.push({ ...report, state: verdict.kind, final: true });
  }
  const retried = await retryAttempts(db, coordinatorId, retries);
  record(retried);
  endings.push(...without(retries, retried).map(withoutPolicy));
  record(await endAttempts(db, coordinatorId, endings));
}

async function readPolicies(db: Queryable, reports: readonly FinishedAttempt[]): Promise<Map<string, Policy>> {
  const { rows } = await db.query<{ id: string; attempt: number } & Policy>(POLICIES_SQL, keyColumns(reports));
  return new Map(rows.map((row) => [keyOf({ taskId: row.id, attempt: row.attempt }), row]));
}
