/**
 * SET list for `tasks t` that has not ended: it is cancelled, if nobody owns it. If somebody does, that is who ends it,
 * and whatever happens to its attempt from now on, it ends as cancelled.
 */
export const REQUEST_CANCEL = /* sql */ `
  state = CASE t.state WHEN 'scheduled' THEN 'cancelled' ELSE t.state END,
  cancelled_at = CASE t.state WHEN 'scheduled' THEN statement_timestamp() END,
  reason = CASE t.state WHEN 'scheduled' THEN 'cancelled' END::attempt_reason,
  cancel_requested_at = CASE WHEN t.state <> 'scheduled' THEN statement_timestamp() END`;
