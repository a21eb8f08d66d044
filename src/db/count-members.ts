import type { Queryable } from './pool.ts';

const SQL = /* sql */ `
  SELECT
    (SELECT count(*)::int FROM coordinators
      WHERE lease_until >= statement_timestamp() + $1 * interval '1 ms') AS coordinators,
    (SELECT count(*)::int FROM workers) AS workers
`;

export interface Members {
  /** Those with that much of their lease left. */
  readonly coordinators: number;
  /** Those that are registered: after an outage their leases are renewed one coordinator after the other. */
  readonly workers: number;
}

/** How many workers there are, and how many coordinators whose lease lasts for at least `leftMs` yet. */
export async function countMembers(db: Queryable, leftMs: number): Promise<Members> {
  const { rows } = await db.query<Members>(SQL, [leftMs]);
  return rows[0] ?? { coordinators: 0, workers: 0 };
}
