import type { Labels } from '../domain/lane.ts';
import type { Queryable } from './pool.ts';

/** `lost`: its lease has ended; its tasks go back, and it is removed from the list. */
export const WORKER_STATES = ['connected', 'draining', 'lost'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

/** A registered worker. Instants are by PostgreSQL's clock. */
export interface WorkerRow {
  readonly id: string;
  readonly state: WorkerState;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
  /** Tasks that run on it, as recorded. */
  readonly running: number;
  readonly labels: Labels;
  readonly queues: readonly string[];
  /** Where its session is, or was last. */
  readonly coordinatorId: string;
  readonly sessionId: string;
  readonly connectedAt: Date;
  readonly lastHeartbeatAt: Date;
  readonly leaseUntil: Date;
}

const SQL = /* sql */ `
  SELECT w.id, w.hostname, w.pid, w.version, w.slots, w.labels, w.queues,
    w.coordinator_id AS "coordinatorId", w.session_id AS "sessionId", w.connected_at AS "connectedAt",
    w.last_heartbeat_at AS "lastHeartbeatAt", w.lease_until AS "leaseUntil",
    CASE WHEN w.lease_until <= statement_timestamp() THEN 'lost' WHEN w.draining THEN 'draining' ELSE 'connected' END
      AS state,
    (SELECT count(*) FROM tasks t WHERE t.worker_id = w.id AND t.state = 'running')::int AS running
  FROM workers w
  ORDER BY w.id
`;

/** Every registered worker of the cluster, by id. */
export async function listWorkers(db: Queryable): Promise<WorkerRow[]> {
  const { rows } = await db.query<WorkerRow>(SQL);
  return rows;
}
