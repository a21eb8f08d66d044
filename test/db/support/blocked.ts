import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../../../src/db/pool.ts';

const SQL = /* sql */ `
  SELECT count(*)::int AS count FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'
`;

/** Returns once so many statements wait for a lock. */
export async function untilBlocked(db: Queryable, count = 1): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ count: number }>(SQL);
    if ((rows[0]?.count ?? 0) >= count) return;
    await delay(5);
  }
}
