import type { Queryable } from './pool.ts';

/** What became of a worker after one of its sessions ended. */
export type WorkerStanding =
  /** Still known by that session: it may be running what it was sent. */
  | 'same_session'
  /** It has registered anew, and named what it runs. */
  | 'newer_session'
  /** Its lease ended, so it has killed what it ran. */
  | 'gone';

const SQL = /* sql */ `
  SELECT s.session_id, CASE
    WHEN w.id IS NULL OR (w.session_id = s.session_id AND w.lease_until < statement_timestamp()) THEN 'gone'
    WHEN w.session_id = s.session_id THEN 'same_session'
    ELSE 'newer_session' END AS standing
  FROM unnest($1::text[], $2::uuid[]) AS s (worker_id, session_id)
  LEFT JOIN workers w ON w.id = s.worker_id
`;

/** Says for each ended session where its worker stands now, by session id. */
export async function findWorkerStandings(
  db: Queryable,
  sessions: readonly { readonly workerId: string; readonly sessionId: string }[],
): Promise<Map<string, WorkerStanding>> {
  const { rows } = await db.query<{ session_id: string; standing: WorkerStanding }>(SQL, [
    sessions.map((s) => s.workerId),
    sessions.map((s) => s.sessionId),
  ]);
  return new Map(rows.map((row) => [row.session_id, row.standing]));
}
