/** SQL of the times that bound how long a task may wait. */

/** When a task whose first attempt started at `first` is to be given up; before that: at its start deadline. */
export function giveUpAtSql(first: string, task = 't'): string {
  return /* sql */ `CASE WHEN ${first} IS NULL THEN ${task}.start_deadline
    ELSE ${first} + ${task}.total_timeout_ms * interval '1 ms' END`;
}

/** Why a task failed whose total timeout ended while it waited, or would before it is due again. */
export function outOfTimeErrorSql(task = 't'): string {
  return `'no other attempt fits into its total timeout of ' || ${task}.total_timeout_ms || ' ms'`;
}

/** SET list for `tasks t`: a task that waits, or whose claim was not sent, has waited for longer than it may. */
export const GIVE_UP = /* sql */ `
  state = CASE WHEN t.first_started_at IS NULL THEN 'expired' ELSE 'failed' END::task_state,
  expired_at = CASE WHEN t.first_started_at IS NULL THEN statement_timestamp() END,
  failed_at = CASE WHEN t.first_started_at IS NOT NULL THEN statement_timestamp() END,
  reason = CASE WHEN t.first_started_at IS NOT NULL THEN 'timed_out' END::attempt_reason,
  error = CASE WHEN t.first_started_at IS NOT NULL THEN ${outOfTimeErrorSql()} END,
  coordinator_id = NULL, picked_at = NULL`;
