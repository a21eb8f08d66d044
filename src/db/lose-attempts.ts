import { MAX_LOST_ATTEMPTS, type TaskState } from '../domain/task-state.ts';
import { DUE_CHANNEL } from './channels.ts';
import { giveUpAtSql } from './out-of-time.ts';

/** A task whose attempt was lost to infrastructure. */
export interface LostAttempt {
  readonly taskId: string;
  readonly attempt: number;
  readonly workerId: string | null;
  /**
   * `scheduled`: it went back. `failed`: it was lost too often, or must not run again. `cancelled`: somebody had asked
   * for that.
   */
  readonly state: TaskState;
}

export interface LostRow {
  id: string;
  attempt: number;
  worker_id: string | null;
  state: TaskState;
}

export function toLostAttempt(row: LostRow): LostAttempt {
  return { taskId: row.id, attempt: row.attempt, workerId: row.worker_id, state: row.state };
}

/** Which attempts are lost, and what is known of them: SQL about `tasks t`. */
export interface LostSelection {
  /** CTEs that the others need, each followed by a comma. */
  readonly ctes?: string;
  /** What follows FROM `tasks t`. */
  readonly from: string;
  /** It may have been sent to a worker. What was not goes back as if it had never been claimed. Default: it may. */
  readonly sent?: string;
  /** The facts of the attempt. Default: those in the row; it ended now, since `its worker or coordinator went away`. */
  readonly facts?: Readonly<Partial<Record<keyof typeof FACTS, string>>>;
  /** A further CTE; the rows that were changed, with `id` and `attempt`, are in `changed`. */
  readonly then?: string;
  /** What to answer, a SELECT with a WHERE. Default: those in `changed` that had been sent, as {@link LostRow}. */
  readonly answer?: string;
}

const FACTS = {
  coordinator_id: 't.coordinator_id',
  worker_id: 't.worker_id',
  started_at: 't.started_at',
  ended_at: 'statement_timestamp()',
  error: `'its worker or coordinator went away'`,
  cpu_ms: 'NULL::bigint',
  peak_memory_bytes: 'NULL::bigint',
};

const ANSWER = /* sql */ `SELECT id, attempt, worker_id, state FROM changed WHERE sent`;

/**
 * Ends the attempts that are selected, as `worker_lost`: the task goes back, due at once and without using up a retry
 * of the user, or fails when that happened too often or the task must not run again. What somebody asked to cancel is
 * cancelled.
 */
export function loseAttemptsSql(selection: LostSelection): string {
  const { answer = ANSWER, ctes = '', facts, from, sent = 'true', then = '' } = selection;
  const columns = Object.entries({ ...FACTS, ...facts }).map(([name, sql]) => `${sql} AS ${name}`);
  return /* sql */ `
    WITH ${ctes} found AS MATERIALIZED (
      SELECT t.id, t.attempt, t.picked_at, t.lost_attempts, t.retry_lost, t.cancel_requested_at,
        ${sent} AS sent, ${columns.join(', ')}
      FROM tasks t ${from}
      ORDER BY t.id FOR NO KEY UPDATE OF t
    ), lost AS MATERIALIZED (
      SELECT *, CASE
        WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
        WHEN sent AND (NOT retry_lost OR lost_attempts >= ${MAX_LOST_ATTEMPTS}) THEN 'failed'
        ELSE 'scheduled' END::task_state AS next
      FROM found
    ), archived AS (
      INSERT INTO past_attempts (task_id, attempt, coordinator_id, worker_id, picked_at, started_at, ended_at, reason,
        error, cpu_ms, peak_memory_bytes)
      SELECT id, attempt, coordinator_id, worker_id, picked_at, started_at, ended_at, 'worker_lost',
        error, cpu_ms, peak_memory_bytes
      FROM lost WHERE next = 'scheduled' AND sent
    ), ended AS (
      UPDATE tasks t SET
        state = lost.next,
        failed_at = CASE lost.next WHEN 'failed' THEN lost.ended_at END,
        cancelled_at = CASE lost.next WHEN 'cancelled' THEN lost.ended_at END,
        reason = CASE lost.next WHEN 'failed' THEN 'worker_lost' ELSE 'cancelled' END::attempt_reason,
        error = CASE WHEN lost.sent THEN lost.error || CASE
          WHEN lost.next = 'cancelled' THEN ''
          WHEN NOT t.retry_lost THEN ', and the task must not run again then'
          ELSE '; ' || (lost.lost_attempts + 1) || ' attempts were lost' END END,
        picked_at = CASE WHEN lost.sent THEN t.picked_at END,
        coordinator_id = lost.coordinator_id, worker_id = lost.worker_id, started_at = lost.started_at,
        cpu_ms = lost.cpu_ms, peak_memory_bytes = lost.peak_memory_bytes
      FROM lost WHERE t.id = lost.id AND lost.next <> 'scheduled'
      RETURNING t.id, lost.attempt, lost.worker_id, t.state, lost.sent
    ), returned AS (
      UPDATE tasks t SET
        state = 'scheduled', due_at = greatest(t.due_at, statement_timestamp()),
        attempt = t.attempt - (NOT lost.sent)::int, lost_attempts = t.lost_attempts + lost.sent::int,
        first_started_at = coalesce(t.first_started_at, lost.started_at),
        give_up_at = ${giveUpAtSql('coalesce(t.first_started_at, lost.started_at)')},
        coordinator_id = NULL, worker_id = NULL, picked_at = NULL, started_at = NULL
      FROM lost WHERE t.id = lost.id AND lost.next = 'scheduled'
      RETURNING t.id, lost.attempt, lost.worker_id, t.state, lost.sent
    ), woken AS (
      SELECT pg_notify('${DUE_CHANNEL}', '') FROM returned LIMIT 1
    ), changed AS (
      SELECT * FROM ended UNION ALL SELECT * FROM returned
    )${then === '' ? '' : `, ${then}`}
    ${answer} AND (SELECT count(*) FROM woken) >= 0
  `;
}
