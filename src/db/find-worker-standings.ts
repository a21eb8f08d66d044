import { leaseEndedSql } from './lease-ended.ts';
import type { Queryable } from './pool.ts';

/** What became of a worker after one of its sessions ended. */
export type WorkerStanding =
  /** Still known by that session: it may be running what it was sent. */
  | 'same_session'
  /** It has registered anew, and named what it runs. */
  | 'newer_session'
  /** Another process has its id, so its own lease had ended. */
  | 'other_process'
  /** Its lease ended, so it has killed what it ran. */
  | 'gone';

export interface SessionStanding {
  readonly standing: WorkerStanding;
  /** What the worker was given to finish when it was asked to drain; `null`: as it is configured. */
  readonly drainTimeoutMs: number | null;
}

const SQL = /* sql */ `
  SELECT s.session_id, CASE
    WHEN w.id IS NULL OR (w.session_id = s.session_id AND ${leaseEndedSql('w.lease_until', '$4')}) THEN 'gone'
    WHEN w.session_id = s.session_id THEN 'same_session'
    WHEN w.instance_id <> s.instance_id THEN 'other_process'
    ELSE 'newer_session' END AS standing, w.drain_timeout_ms::float8
  FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS s (worker_id, session_id, instance_id)
  LEFT JOIN workers w ON w.id = s.worker_id
`;

interface Row {
  session_id: string;
  standing: WorkerStanding;
  drain_timeout_ms: number | null;
}

/** A session, by the process of its worker. */
export interface SessionKey {
  readonly workerId: string;
  readonly sessionId: string;
  readonly instanceId: string;
}

/**
 * Says for each session where its worker stands now, by session id. A lease has ended if it had at the instant
 * `beforeMs`, by PostgreSQL's clock; `null`: none counts as ended.
 */
export async function findWorkerStandings(
  db: Queryable,
  sessions: readonly SessionKey[],
  beforeMs: number | null,
): Promise<Map<string, SessionStanding>> {
  const { rows } = await db.query<Row>(SQL, [
    sessions.map((s) => s.workerId),
    sessions.map((s) => s.sessionId),
    sessions.map((s) => s.instanceId),
    beforeMs,
  ]);
  return new Map(rows.map((row) => [row.session_id, { standing: row.standing, drainTimeoutMs: row.drain_timeout_ms }]));
}
