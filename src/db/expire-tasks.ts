import { GIVE_UP } from './out-of-time.ts';
import type { Queryable } from './pool.ts';

/** A task that has waited for longer than it may. `expired`: for its first attempt; `failed`: for a later one. */
export interface GivenUpTask {
  readonly taskId: string;
  readonly state: 'expired' | 'failed';
}

export interface GivenUpTasks {
  readonly ended: readonly GivenUpTask[];
  /** Milliseconds until the next task has waited for too long; 0: there may be more now; `null`: none will. */
  readonly nextInMs: number | null;
}

/** Most tasks ended in one statement, so that it stays short. */
const LIMIT = 1_000;

// Tasks that somebody is claiming at this moment are skipped: their fate is their new owner's.
const SQL = /* sql */ `
  WITH late AS MATERIALIZED (
    SELECT id FROM tasks
    WHERE state = 'scheduled' AND give_up_at <= statement_timestamp()
    ORDER BY give_up_at LIMIT ${LIMIT} FOR NO KEY UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE tasks t SET ${GIVE_UP} FROM late WHERE t.id = late.id
    RETURNING t.id, t.state
  )
  SELECT coalesce((SELECT jsonb_agg(jsonb_build_object('taskId', id, 'state', state)) FROM ended), '[]') AS ended,
    (SELECT extract(epoch FROM give_up_at - statement_timestamp())::float8 * 1000 FROM tasks
      WHERE state = 'scheduled' AND give_up_at > statement_timestamp() ORDER BY give_up_at LIMIT 1) AS next_in_ms
`;

interface Row {
  ended: GivenUpTask[];
  next_in_ms: number | null;
}

/**
 * Ends waiting tasks whose start deadline has passed, or whose total timeout has ended between two attempts. Costs what
 * there is of them.
 */
export async function expireTasks(db: Queryable): Promise<GivenUpTasks> {
  const { rows } = await db.query<Row>({ name: 'expire-tasks', text: SQL });
  const row = rows[0];
  if (row === undefined) throw new Error('ending tasks that waited too long returned no row');
  return { ended: row.ended, nextInMs: row.ended.length === LIMIT ? 0 : row.next_in_ms };
}
