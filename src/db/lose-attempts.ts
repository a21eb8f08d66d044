import { MAX_LOST_ATTEMPTS, type TaskState } from '../domain/task-state.ts';
import { DUE_CHANNEL } from './channels.ts';

/** A task whose attempt was lost to infrastructure. */
export interface LostAttempt {
  readonly taskId: string;
  readonly attempt: number;
  readonly workerId: string | null;
  /** `scheduled`: it went back. `failed`: it was lost too often. */
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

/**
 * Ends the attempts that `selection` locks, as `worker_lost`: the task goes back, due at once and without using up a
 * retry of the user, or fails when that happened too often. `selection` is the body of a SELECT of `tasks t` that
 * ends in FOR UPDATE; further CTEs that it needs go before, in `ctes`.
 */
export function loseAttemptsSql(ctes: string, selection: string): string {
  return /* sql */ `
    WITH ${ctes === '' ? '' : `${ctes},`} lost AS MATERIALIZED (
      ${selection}
    ), archived AS (
      INSERT INTO past_attempts
        (task_id, attempt, coordinator_id, worker_id, picked_at, started_at, ended_at, reason, error)
      SELECT id, attempt, coordinator_id, worker_id, picked_at, started_at, statement_timestamp(), 'worker_lost',
        'its worker or coordinator went away'
      FROM lost WHERE lost_attempts < ${MAX_LOST_ATTEMPTS}
    ), ended AS (
      UPDATE tasks t SET
        state = 'failed', failed_at = statement_timestamp(), reason = 'worker_lost',
        error = 'its worker or coordinator went away ' || (lost.lost_attempts + 1) || ' times'
      FROM lost WHERE t.id = lost.id AND lost.lost_attempts >= ${MAX_LOST_ATTEMPTS}
      RETURNING t.id, t.attempt, t.worker_id, t.state
    ), returned AS (
      UPDATE tasks t SET
        state = 'scheduled', due_at = greatest(t.scheduled_at, statement_timestamp()),
        lost_attempts = t.lost_attempts + 1,
        coordinator_id = NULL, worker_id = NULL, picked_at = NULL, started_at = NULL
      FROM lost WHERE t.id = lost.id AND lost.lost_attempts < ${MAX_LOST_ATTEMPTS}
      RETURNING t.id, t.attempt, lost.worker_id, t.state
    ), woken AS (
      SELECT pg_notify('${DUE_CHANNEL}', '') FROM returned LIMIT 1
    )
    SELECT id, attempt, worker_id, state FROM ended
    UNION ALL
    SELECT id, attempt, worker_id, state FROM returned WHERE (SELECT count(*) FROM woken) >= 0
  `;
}

/** What a selection for {@link loseAttemptsSql} selects. */
export const LOST_COLUMNS =
  't.id, t.attempt, t.coordinator_id, t.worker_id, t.picked_at, t.started_at, t.lost_attempts';
