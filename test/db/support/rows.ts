import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../../src/db/pool.ts';
import { formatLane, type Labels } from '../../../src/domain/lane.ts';
import type { NewTask } from '../../../src/domain/task-input.ts';
import type { TaskState } from '../../../src/domain/task-state.ts';

/** What a route hands to the database. */
export function newTask(task: Partial<NewTask> = {}): NewTask {
  const { queue = 'default', labels = {} } = task;
  return {
    command: 'true',
    argv: null,
    options: {},
    secretEnv: null,
    stdin: null,
    retry: null,
    retryLost: true,
    totalTimeoutMs: null,
    scheduledAt: null,
    startDeadline: null,
    queue,
    labels,
    lane: formatLane({ queue, labels }),
    priority: 0,
    idempotencyKey: null,
    ...task,
  };
}

export interface RowSeed {
  readonly state?: TaskState;
  readonly queue?: string;
  readonly labels?: Labels;
  readonly workerId?: string;
  /** An instant as PostgreSQL reads it; without it: now. */
  readonly scheduledAt?: string;
}

const TASK_SQL = /* sql */ `
  INSERT INTO tasks (id, state, queue, labels, lane, command, scheduled_at, due_at, picked_at, started_at, completed_at,
    failed_at, cancelled_at, expired_at, attempt, coordinator_id, worker_id, exit_code, reason)
  SELECT $1, s, $3, $4, $5, 'true', at, at, CASE WHEN claimed THEN at END, CASE WHEN ran THEN at END,
    CASE WHEN s = 'completed' THEN at + interval '1.5 s' END, CASE WHEN s = 'failed' THEN at + interval '1.5 s' END,
    CASE WHEN s = 'cancelled' THEN at END, CASE WHEN s = 'expired' THEN at END, claimed::int,
    CASE WHEN claimed THEN gen_random_uuid() END, CASE WHEN ran THEN $6 END,
    CASE s WHEN 'completed' THEN 0 WHEN 'failed' THEN 3 END,
    CASE WHEN s IN ('completed', 'failed') THEN 'exited' WHEN s = 'cancelled' THEN 'cancelled' END::attempt_reason
  FROM (SELECT $2::task_state AS s, coalesce($7::timestamptz, now()) AS at,
    $2::task_state IN ('picked', 'running', 'completed', 'failed') AS claimed,
    $2::task_state IN ('running', 'completed', 'failed') AS ran) seed
`;

/** Puts a task in any state into the table. Returns its id. */
export async function seedRow(db: Queryable, seed: RowSeed = {}): Promise<string> {
  const { state = 'scheduled', queue = 'default', labels = {}, workerId = 'worker', scheduledAt = null } = seed;
  const id = randomUUID();
  await db.query(TASK_SQL, [id, state, queue, labels, formatLane({ queue, labels }), workerId, scheduledAt]);
  return id;
}

export interface WorkerSeed {
  readonly id?: string;
  readonly slots?: number;
  readonly queues?: readonly string[];
  readonly labels?: Labels;
  readonly draining?: boolean;
  /** Negative: its lease has ended. */
  readonly leaseMs?: number;
}

const WORKER_SQL = /* sql */ `
  INSERT INTO workers (id, instance_id, ordinal, session_id, coordinator_id, hostname, pid, version, slots, labels, queues,
    draining, lease_until)
  VALUES ($1, gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'host', 1, '0', $2, $3, $4, $5,
    now() + $6 * interval '1 ms')
`;

export async function seedWorker(db: Queryable, seed: WorkerSeed = {}): Promise<void> {
  const { id = 'worker', slots = 1, queues = ['*'], labels = {}, draining = false, leaseMs = 60_000 } = seed;
  await db.query(WORKER_SQL, [id, slots, labels, queues, draining, leaseMs]);
}
