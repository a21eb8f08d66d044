import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../src/db/pool.ts';
import { formatLane, type Labels } from '../../src/domain/lane.ts';
import type { RetryPolicy } from '../../src/domain/retry-policy.ts';
import type { RunOptions } from '../../src/domain/run-options.ts';

export interface TaskSeed {
  /** Default, without `argv`: `true`. */
  readonly command?: string;
  readonly argv?: readonly string[];
  readonly queue?: string;
  readonly labels?: Labels;
  readonly priority?: number;
  /** Due this long from now, by PostgreSQL's clock; negative: overdue. */
  readonly dueInMs?: number;
  readonly options?: RunOptions;
  readonly secretEnv?: Readonly<Record<string, string>>;
  readonly stdin?: Buffer;
  readonly retry?: RetryPolicy;
  readonly retryLost?: boolean;
  readonly totalTimeoutMs?: number;
  /** As `dueInMs`: not to be started any more this long from now. */
  readonly giveUpInMs?: number;
}

const SQL = /* sql */ `
  WITH seeded AS (
    INSERT INTO tasks (id, queue, labels, lane, priority, command, argv, scheduled_at, due_at, options, secret_env,
      has_stdin, retry, retry_lost, total_timeout_ms, start_deadline, give_up_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 ms', now() + $8 * interval '1 ms', $9, $10,
      $11::bytea IS NOT NULL, $12, $13, $14, now() + $15 * interval '1 ms', now() + $15 * interval '1 ms')
    RETURNING id
  )
  INSERT INTO task_stdin (task_id, data) SELECT id, $11 FROM seeded WHERE $11 IS NOT NULL
`;

/** Puts a task straight into the table, and says nothing to anyone. Returns its id. */
export async function seedTask(db: Queryable, seed: TaskSeed = {}): Promise<string> {
  const id = randomUUID();
  const { dueInMs = 0, labels = {}, priority = 0, queue = 'default' } = seed;
  const command = seed.command ?? (seed.argv === undefined ? 'true' : null);
  await db.query(SQL, [
    id,
    queue,
    labels,
    formatLane({ queue, labels }),
    priority,
    command,
    seed.argv ?? null,
    dueInMs,
    seed.options ?? {},
    seed.secretEnv ?? null,
    seed.stdin ?? null,
    seed.retry ?? null,
    seed.retryLost ?? true,
    seed.totalTimeoutMs ?? null,
    seed.giveUpInMs ?? null,
  ]);
  return id;
}

/** Columns of a task; `bigint` comes as text. */
export interface StoredTask {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly lost_attempts: number;
  readonly retry_counts: readonly number[];
  readonly worker_id: string | null;
  readonly coordinator_id: string | null;
  readonly reason: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly error: string | null;
  readonly cpu_ms: string | null;
  readonly peak_memory_bytes: string | null;
  readonly due_at: Date;
  readonly scheduled_at: Date;
  readonly start_deadline: Date | null;
  readonly give_up_at: Date | null;
  readonly first_started_at: Date | null;
  readonly cancel_requested_at: Date | null;
  readonly picked_at: Date | null;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly failed_at: Date | null;
  readonly cancelled_at: Date | null;
  readonly expired_at: Date | null;
}

export async function storedTask(db: Queryable, id: string): Promise<StoredTask> {
  const { rows } = await db.query<StoredTask>('SELECT * FROM tasks WHERE id = $1', [id]);
  const row = rows[0];
  if (row === undefined) throw new Error(`task ${id} is gone`);
  return row;
}
