import type { Queryable } from './pool.ts';

const SQL = /* sql */ `UPDATE coordinators SET lease_until = statement_timestamp() WHERE id = $1`;

/** Ends a coordinator's own lease when it leaves. Whatever it still owns goes back once its workers are elsewhere. */
export async function expireCoordinator(db: Queryable, coordinatorId: string): Promise<void> {
  await db.query(SQL, [coordinatorId]);
}
