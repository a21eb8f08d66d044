import { DUE_CHANNEL } from './channels.ts';
import type { Queryable } from './pool.ts';

const SQL = /* sql */ `SELECT pg_notify('${DUE_CHANNEL}', '')`;

/** Wakes the coordinators: tasks are due that were stored without saying so. */
export async function announceDue(db: Queryable): Promise<void> {
  await db.query(SQL);
}
