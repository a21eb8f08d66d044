import type { Queryable } from './pool.ts';

/** Locks no row, and is refused where no row could be locked: in a server that is read-only, or without the right to. */
const SQL = /* sql */ `SELECT FROM tasks WHERE false FOR NO KEY UPDATE`;

/**
 * Throws what `pg` throws when tasks cannot be written. A connection to a server that has become read-only leaves the
 * pool by that, also when nobody else writes.
 */
export async function checkWritable(db: Queryable): Promise<void> {
  await db.query(SQL);
}
