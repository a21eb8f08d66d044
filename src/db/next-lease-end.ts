import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  SELECT extract(epoch FROM min(lease_until) - clock_timestamp())::float8 * 1000 AS in_ms
  FROM (
    SELECT lease_until FROM workers
    UNION ALL
    -- One that waits for its workers cannot be reaped before them.
    SELECT lease_until FROM coordinators c
    WHERE id <> $1 AND NOT EXISTS (
      SELECT FROM workers w WHERE w.coordinator_id = c.id AND w.lease_until >= statement_timestamp())
  ) AS leases
`;

/** Milliseconds until the first lease of anyone else ends, unless it is renewed; negative when one has ended. */
export async function nextLeaseEndMs(db: Queryable, selfId: string): Promise<number | null> {
  const { rows } = await db.query<{ in_ms: number | null }>(SQL, [selfId]);
  return rows[0]?.in_ms ?? null;
}
