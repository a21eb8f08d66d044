import type { Queryable } from '../src/db/pool.ts';
import type { History, StoredAttempt, StoredTask, Transition } from './events.ts';

/*
 * What happened to each task on its way, written by PostgreSQL itself in the transaction that did it: a change is there
 * exactly when it was committed. A task that has ended is watched for every write, so that a second end shows even when
 * it says the same. The numbers give the order of the changes of one task, since each holds the lock of its row.
 */
const INSTALL = /* sql */ `
  CREATE TABLE chaos_transitions (
    number     bigint      GENERATED ALWAYS AS IDENTITY,
    task_id    uuid        NOT NULL,
    attempt    integer     NOT NULL,
    from_state text        NOT NULL,
    to_state   text        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
  );

  CREATE FUNCTION chaos_note_task() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO chaos_transitions (task_id, attempt, from_state, to_state)
    VALUES (NEW.id, NEW.attempt, CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.state::text END, NEW.state);
    RETURN NULL;
  END $$;

  CREATE TRIGGER chaos_inserted AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION chaos_note_task();
  CREATE TRIGGER chaos_updated AFTER UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.attempt <> NEW.attempt
      OR OLD.state IN ('completed', 'failed', 'cancelled', 'expired'))
    EXECUTE FUNCTION chaos_note_task();

  CREATE FUNCTION chaos_note_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO chaos_transitions (task_id, attempt, from_state, to_state)
    VALUES (NEW.task_id, NEW.attempt, NEW.reason, 'archived');
    RETURN NULL;
  END $$;

  CREATE TRIGGER chaos_archived AFTER INSERT OR UPDATE ON past_attempts
    FOR EACH ROW EXECUTE FUNCTION chaos_note_attempt();
`;

/** Begins to watch a database that has Hydra's schema and has not been watched before. */
export async function installAudit(db: Queryable): Promise<void> {
  await db.query(INSTALL);
}

const TASKS = /* sql */ `
  SELECT id, idempotency_key AS key, state, attempt, lost_attempts AS "lostAttempts", reason, exit_code AS "exitCode",
    (extract(epoch FROM scheduled_at) * 1000)::float8 AS "scheduledAtMs", worker_id AS "workerId"
  FROM tasks ORDER BY id
`;
const ATTEMPTS = /* sql */ `
  SELECT task_id AS "taskId", attempt, reason, exit_code AS "exitCode", worker_id AS "workerId"
  FROM past_attempts ORDER BY task_id, attempt
`;
const TRANSITIONS = /* sql */ `
  SELECT task_id AS "taskId", attempt, from_state AS "from", to_state AS "to",
    (extract(epoch FROM at) * 1000)::float8 AS "atMs"
  FROM chaos_transitions ORDER BY number
`;

/** What PostgreSQL has of all tasks, and how it came to that. Call it when everything is at rest. */
export async function readHistory(db: Queryable): Promise<Pick<History, 'tasks' | 'attempts' | 'transitions'>> {
  const tasks = await db.query<StoredTask>(TASKS);
  const attempts = await db.query<StoredAttempt>(ATTEMPTS);
  const transitions = await db.query<Transition>(TRANSITIONS);
  return { tasks: tasks.rows, attempts: attempts.rows, transitions: transitions.rows };
}
