import type { Queryable } from './pool.ts';

export interface CoordinatorIdentity {
  readonly id: string;
  readonly hostname: string;
  /** `host:port` that its gRPC server listens on. */
  readonly address: string;
  readonly version: string;
}

export interface RenewedWorker {
  readonly id: string;
  readonly draining: boolean;
  /** What it was given to finish when it was asked to drain; `null`: as it is configured. */
  readonly drainTimeoutMs: number | null;
}

export interface Renewal {
  /** PostgreSQL's clock, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** The coordinator had no row: this is its first renewal, or others reaped it and its claims are gone. */
  readonly registeredAnew: boolean;
  /** Workers whose lease was renewed; those asked for and missing here have lost their session. */
  readonly workers: readonly RenewedWorker[];
}

const SQL = /* sql */ `
  WITH coordinator AS (
    INSERT INTO coordinators AS c (id, hostname, address, version, lease_until)
    VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 ms')
    ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
    RETURNING c.xmax = 0 AS registered_anew
  ), renewed AS (
    UPDATE workers w
    SET lease_until = clock_timestamp() + $5 * interval '1 ms', last_heartbeat_at = statement_timestamp()
    FROM unnest($6::text[], $7::uuid[]) AS beat (id, session_id)
    WHERE w.id = beat.id AND w.session_id = beat.session_id
    RETURNING w.id, w.draining, w.drain_timeout_ms
  )
  SELECT registered_anew,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'id', id, 'draining', draining, 'drainTimeoutMs', drain_timeout_ms)), '[]') FROM renewed) AS workers,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms
  FROM coordinator
`;

interface Row {
  registered_anew: boolean;
  workers: RenewedWorker[];
  now_ms: number;
}

/** Renews the coordinator's own lease and, in bulk, those of the workers that gave a sign of life. */
export async function renewLeases(
  db: Queryable,
  coordinator: CoordinatorIdentity,
  leaseMs: number,
  beats: readonly { readonly workerId: string; readonly sessionId: string }[],
): Promise<Renewal> {
  const { rows } = await db.query<Row>({
    name: 'renew-leases',
    text: SQL,
    values: [
      coordinator.id,
      coordinator.hostname,
      coordinator.address,
      coordinator.version,
      leaseMs,
      beats.map((b) => b.workerId),
      beats.map((b) => b.sessionId),
    ],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('renewing leases returned no row');
  return { nowMs: row.now_ms, registeredAnew: row.registered_anew, workers: row.workers };
}
