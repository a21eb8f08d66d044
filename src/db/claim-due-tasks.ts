import type { Run, RunOptions } from '../domain/run-options.ts';
import type { Queryable } from './pool.ts';

export interface ClaimedTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly queue: string;
  readonly lane: string;
  readonly priority: number;
  /** Microseconds since the epoch. */
  readonly scheduledAtUs: number;
  /** Milliseconds since the epoch, with a fraction; by PostgreSQL's clock. */
  readonly dueAtMs: number;
  readonly run: Run;
  /** What of `run` can be long takes this much as text. */
  readonly bytes: number;
  /** As `dueAtMs`: when it is not to be started any more; `null`: never. */
  readonly giveUpAtMs: number | null;
  /** What all attempts may take together, from the first start on. */
  readonly totalTimeoutMs: number | null;
  /** As `dueAtMs`: the end of that, once an attempt has started. */
  readonly totalDeadlineMs: number | null;
}

export interface Claim {
  readonly coordinatorId: string;
  readonly lane: string;
  readonly priority: number;
  /** Also tasks that fall due within this many milliseconds from now; 0: only those due. */
  readonly lookaheadMs: number;
  readonly limit: number;
}

/** No more than this is claimed in one statement, unless one task alone has more. */
export const CLAIM_BYTES = 8 * 1024 * 1024;

const SQL = /* sql */ `
  WITH first AS MATERIALIZED (
    SELECT id, due_at, run_bytes FROM tasks
    WHERE state = 'scheduled' AND lane = $2 AND (-priority) = -($3::smallint)
      AND due_at <= statement_timestamp() + $4 * interval '1 ms'
    ORDER BY due_at, id
    LIMIT $5
    FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE tasks SET state = 'picked', attempt = attempt + 1, picked_at = statement_timestamp(), coordinator_id = $1
  WHERE id = ANY (ARRAY(
    SELECT id FROM (SELECT id, sum(run_bytes) OVER (ORDER BY due_at, id) - run_bytes AS before FROM first) f
    WHERE before < ${CLAIM_BYTES}
  ))
  RETURNING id, attempt, queue, lane, priority, command, argv, options, secret_env, has_stdin, run_bytes,
    (extract(epoch FROM scheduled_at) * 1000000)::float8 AS scheduled_at_us,
    extract(epoch FROM due_at)::float8 * 1000 AS due_at_ms,
    extract(epoch FROM give_up_at)::float8 * 1000 AS give_up_at_ms, total_timeout_ms::float8,
    extract(epoch FROM first_started_at)::float8 * 1000 + total_timeout_ms AS total_deadline_ms
`;

interface Row {
  id: string;
  attempt: number;
  queue: string;
  lane: string;
  priority: number;
  command: string | null;
  argv: string[] | null;
  options: RunOptions;
  secret_env: Record<string, string> | null;
  has_stdin: boolean;
  run_bytes: number;
  scheduled_at_us: number;
  due_at_ms: number;
  give_up_at_ms: number | null;
  total_timeout_ms: number | null;
  total_deadline_ms: number | null;
}

/**
 * Selects due tasks of one lane and priority and takes ownership of them, in one statement. Tasks that another
 * coordinator is claiming at the same moment are skipped, so no task is ever claimed twice.
 */
export async function claimDueTasks(db: Queryable, claim: Claim): Promise<ClaimedTask[]> {
  const { rows } = await db.query<Row>({
    name: 'claim-due-tasks',
    text: SQL,
    values: [claim.coordinatorId, claim.lane, claim.priority, claim.lookaheadMs, claim.limit],
  });
  return rows.map((row) => ({
    taskId: row.id,
    attempt: row.attempt,
    queue: row.queue,
    lane: row.lane,
    priority: row.priority,
    scheduledAtUs: Math.round(row.scheduled_at_us),
    dueAtMs: row.due_at_ms,
    run: {
      command: row.command,
      argv: row.argv,
      options: row.options,
      secretEnv: row.secret_env ?? {},
      hasStdin: row.has_stdin,
    },
    bytes: row.run_bytes,
    giveUpAtMs: row.give_up_at_ms,
    totalTimeoutMs: row.total_timeout_ms,
    totalDeadlineMs: row.total_deadline_ms,
  }));
}
