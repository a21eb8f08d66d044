import type { Queryable } from './pool.ts';

const SQL = /* sql */ `DELETE FROM workers WHERE id = $1 AND session_id = $2`;

/** Removes a worker that said goodbye, unless it has a newer session. */
export async function unregisterWorker(db: Queryable, workerId: string, sessionId: string): Promise<void> {
  await db.query(SQL, [workerId, sessionId]);
}
