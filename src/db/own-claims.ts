/**
 * Of the claims `$2` (ids) and `$3` (attempts), those that coordinator `$1` still has: the body of a SELECT of
 * `tasks t` that locks them. In the order of their ids, as every statement that locks many tasks does, so that two with
 * the same tasks wait for, and do not deadlock with, one another. And with NO KEY, as every lock of tasks: output is
 * stored in the order in which it comes, and with its foreign key it would wait for any stronger lock.
 */
export function ownClaimsSql(condition = ''): string {
  return /* sql */ `
    SELECT t.id, t.attempt FROM tasks t
    JOIN unnest($2::uuid[], $3::int[]) AS claim (id, attempt) ON t.id = claim.id AND t.attempt = claim.attempt
    WHERE t.state = 'picked' AND t.coordinator_id = $1 ${condition}
    ORDER BY t.id FOR NO KEY UPDATE OF t`;
}

/**
 * SET list for `tasks t`: its owner lets go of a claim that does not run. The task waits again; if somebody has asked
 * to cancel it, it ends.
 */
export const LET_GO = /* sql */ `
  state = CASE WHEN t.cancel_requested_at IS NULL THEN 'scheduled' ELSE 'cancelled' END::task_state,
  cancelled_at = CASE WHEN t.cancel_requested_at IS NOT NULL THEN statement_timestamp() END,
  reason = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled' END::attempt_reason,
  coordinator_id = NULL, picked_at = NULL`;

/** {@link LET_GO} of what never reached a worker: the number is used again. */
export const LET_GO_UNSENT = /* sql */ `
  attempt = t.attempt - CASE WHEN t.cancel_requested_at IS NULL THEN 1 ELSE 0 END, ${LET_GO}`;
