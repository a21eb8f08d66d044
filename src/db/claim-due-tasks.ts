import type { Queryable } from './pool.ts';

export interface ClaimedTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly command: string;
  readonly queue: string;
  readonly lane: string;
  readonly priority: number;
  /** Microseconds since the epoch. */
  readonly scheduledAtUs: number;
  /** Milliseconds since the epoch, with a fraction; by PostgreSQL's clock. */
  readonly dueAtMs: number;
}

export interface Claim {
  readonly coordinatorId: string;
  readonly lane: string;
  readonly priority: number;
  /** Also tasks that fall due within this many milliseconds from now; 0: only those due. */
  readonly lookaheadMs: number;
  readonly limit: number;
}

const SQL = /* sql */ `
  UPDATE tasks SET state = 'picked', attempt = attempt + 1, picked_at = statement_timestamp(), coordinator_id = $1
  WHERE id = ANY (ARRAY(
    SELECT id FROM tasks
    WHERE state = 'scheduled' AND lane = $2 AND (-priority) = -($3::smallint)
      AND due_at <= statement_timestamp() + $4 * interval '1 ms'
    ORDER BY due_at, id
    LIMIT $5
    FOR UPDATE SKIP LOCKED
  ))
  RETURNING id, attempt, command, queue, lane, priority,
    (extract(epoch FROM scheduled_at) * 1000000)::float8 AS scheduled_at_us,
    extract(epoch FROM due_at)::float8 * 1000 AS due_at_ms
`;

interface Row {
  id: string;
  attempt: number;
  command: string;
  queue: string;
  lane: string;
  priority: number;
  scheduled_at_us: number;
  due_at_ms: number;
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
    command: row.command,
    queue: row.queue,
    lane: row.lane,
    priority: row.priority,
    scheduledAtUs: Math.round(row.scheduled_at_us),
    dueAtMs: row.due_at_ms,
  }));
}
