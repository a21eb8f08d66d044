import type pg from 'pg';
import type { Labels } from '../domain/lane.ts';
import { keyColumns, type AttemptKey } from './attempt-key.ts';
import { inTransaction } from './in-transaction.ts';
import { leaseEndedSql } from './lease-ended.ts';
import { loseAttemptsSql, toLostAttempt, type LostAttempt, type LostRow } from './lose-attempts.ts';
import { adoptAttempts } from './mark-started.ts';

export interface WorkerRegistration {
  readonly workerId: string;
  /** The worker's process. */
  readonly instanceId: string;
  readonly sessionId: string;
  readonly coordinatorId: string;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
  readonly labels: Labels;
  readonly queues: readonly string[];
  readonly draining: boolean;
  /** Which registration of its process this is; an older one that arrives late must not undo a newer. */
  readonly ordinal: number;
  readonly inHand: readonly (AttemptKey & { readonly startedAgeUs: number })[];
}

export type WorkerRegistered =
  | {
      readonly outcome: 'registered';
      /** Somebody asked it to drain, or it said so itself. */
      readonly draining: boolean;
      /** What it was given to finish when somebody asked it to drain; `null`: as it is configured. */
      readonly drainTimeoutMs: number | null;
      /** Of what it has in hand, what it still owns. */
      readonly owned: readonly AttemptKey[];
      /** What PostgreSQL thought it runs, and it does not. */
      readonly lost: readonly LostAttempt[];
    }
  /** A newer registration of the same process came first. */
  | { readonly outcome: 'overtaken' }
  /** Another process holds the id, and lives, or may: `ended` says that its lease has ended and must not be taken now. */
  | { readonly outcome: 'id_in_use'; readonly hostname: string; readonly pid: number; readonly ended: boolean };

const UPSERT = /* sql */ `
  INSERT INTO workers AS w (id, instance_id, session_id, coordinator_id, hostname, pid, version, slots, labels, queues,
    draining, ordinal, lease_until)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp() + $13 * interval '1 ms')
  ON CONFLICT (id) DO UPDATE SET
    instance_id = excluded.instance_id, session_id = excluded.session_id, coordinator_id = excluded.coordinator_id,
    hostname = excluded.hostname, pid = excluded.pid, version = excluded.version, slots = excluded.slots,
    labels = excluded.labels, queues = excluded.queues,
    draining = excluded.draining OR (w.draining AND w.instance_id = excluded.instance_id),
    drain_timeout_ms = CASE WHEN w.instance_id = excluded.instance_id THEN w.drain_timeout_ms END,
    connected_at = excluded.connected_at, last_heartbeat_at = excluded.last_heartbeat_at,
    lease_until = excluded.lease_until, ordinal = excluded.ordinal
  WHERE CASE WHEN w.instance_id = excluded.instance_id THEN w.ordinal < excluded.ordinal
    ELSE ${leaseEndedSql('w.lease_until', '$14')} END
  RETURNING draining, drain_timeout_ms::float8
`;

interface Upserted {
  draining: boolean;
  drain_timeout_ms: number | null;
}

interface Holder {
  instance_id: string;
  hostname: string;
  pid: number;
  ended: boolean;
}

const HOLDER = /* sql */ `
  SELECT instance_id, hostname, pid, lease_until < statement_timestamp() AS ended FROM workers WHERE id = $1
`;

const LOSE_MISSING = loseAttemptsSql({
  from: /* sql */ `
    WHERE t.worker_id = $1 AND t.state = 'running'
      AND (t.id, t.attempt) NOT IN (SELECT * FROM unnest($2::uuid[], $3::int[]))`,
});

/**
 * Registers a worker's new session, in one transaction with its account of what it has in hand: what it owns is
 * marked as running there, what it should run and does not is taken back. An id that another process has is taken from
 * it if its lease had ended at the instant `beforeMs`, by PostgreSQL's clock; `null`: it is not taken.
 */
export function registerWorker(
  pool: pg.Pool,
  worker: WorkerRegistration,
  leaseMs: number,
  beforeMs: number | null,
): Promise<WorkerRegistered> {
  return inTransaction(pool, async (client) => {
    const upserted = await client.query<Upserted>(UPSERT, [
      worker.workerId,
      worker.instanceId,
      worker.sessionId,
      worker.coordinatorId,
      worker.hostname,
      worker.pid,
      worker.version,
      worker.slots,
      worker.labels,
      worker.queues,
      worker.draining,
      worker.ordinal,
      leaseMs,
      beforeMs,
    ]);
    const registered = upserted.rows[0];
    if (registered === undefined) {
      const { rows } = await client.query<Holder>(HOLDER, [worker.workerId]);
      const holder = rows[0];
      if (holder === undefined || holder.instance_id === worker.instanceId) return { outcome: 'overtaken' };
      const { ended, hostname, pid } = holder;
      return { outcome: 'id_in_use', hostname, pid, ended };
    }
    const starts = worker.inHand.map((a) => ({ ...a, workerId: worker.workerId }));
    const owned = await adoptAttempts(client, worker.coordinatorId, starts);
    const missing = await client.query<LostRow>(LOSE_MISSING, [worker.workerId, ...keyColumns(owned)]);
    return {
      outcome: 'registered',
      draining: registered.draining,
      drainTimeoutMs: registered.drain_timeout_ms,
      owned,
      lost: missing.rows.map(toLostAttempt),
    };
  });
}
