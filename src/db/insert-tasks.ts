import { v7 as uuidv7 } from 'uuid';
import { HydraError } from '../domain/errors.ts';
import type { NewTask } from '../domain/task-input.ts';
import { DUE_CHANNEL, WAKE_HORIZON_MS } from './channels.ts';
import { mayBeCommitted } from './connection-fate.ts';
import type { Queryable } from './pool.ts';
import { databaseFault, isUnavailable } from './unavailable.ts';

export interface InsertedTask {
  readonly id: string;
  /** `false`: a task with this idempotency key existed, and `id` is that one's. */
  readonly created: boolean;
  /** Created, and due so soon that coordinators are to be woken. */
  readonly due: boolean;
}

export interface InsertOptions {
  /** Wake the coordinators in the same statement when a task is due soon. Default: true. */
  readonly announce?: boolean;
}

// Rows go in in the order of their keys, so that two statements with the same keys wait for, and do not
// deadlock with, one another. PostgreSQL itself sends equal notifications of one statement once.
// An argv comes as JSON, since an array of arrays would have to be a rectangle. What commands read comes as one text of
// bytes with the parts marked, since an array of bytes would travel as hexadecimal digits.
const INSERT_SQL = /* sql */ `
  WITH inserted AS (
    INSERT INTO tasks (id, queue, lane, labels, priority, command, argv, options, secret_env, has_stdin, retry,
      retry_lost, total_timeout_ms, idempotency_key, start_deadline, give_up_at, scheduled_at, due_at, run_bytes)
    SELECT id, queue, lane, labels::jsonb, priority, command,
      CASE WHEN argv IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(argv::json)) END,
      options::jsonb, secret_env::jsonb, has_stdin, retry::jsonb, retry_lost, total_timeout_ms, idempotency_key,
      start_deadline, start_deadline,
      coalesce(scheduled_at, statement_timestamp()), coalesce(scheduled_at, statement_timestamp()),
      octet_length(concat(command, argv, options, secret_env))
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::boolean[], $11::text[], $12::boolean[], $13::bigint[], $14::text[], $15::timestamptz[],
        $16::timestamptz[])
      WITH ORDINALITY AS new (id, queue, lane, labels, priority, command, argv, options, secret_env, has_stdin, retry,
        retry_lost, total_timeout_ms, idempotency_key, start_deadline, scheduled_at, position)
    ORDER BY idempotency_key, position
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id, due_at <= statement_timestamp() + ${WAKE_HORIZON_MS} * interval '1 ms' AS due
  ), stdin AS (
    INSERT INTO task_stdin (task_id, data)
    SELECT id, substring($17::bytea FROM part.start FOR part.length)
    FROM unnest($18::uuid[], $19::integer[], $20::integer[]) AS part (id, start, length) JOIN inserted USING (id)
  )
  SELECT id, due, CASE WHEN due AND $21 THEN pg_notify('${DUE_CHANNEL}', '') END FROM inserted
`;

const FIND_KEYS_SQL = /* sql */ `
  SELECT id, idempotency_key FROM tasks WHERE idempotency_key = ANY ($1::text[])
`;

/**
 * Stores tasks, all of them or none; answers in their order. A task whose idempotency key exists is not stored again,
 * also within one call.
 * @throws HydraError when PostgreSQL is unavailable, with a sentence that says whether they may be stored all the same;
 * what `pg` throws when it refuses one of them, and none is stored.
 */
export async function insertTasks(
  db: Queryable,
  tasks: readonly NewTask[],
  options: InsertOptions = {},
): Promise<InsertedTask[]> {
  if (tasks.length === 0) return [];
  const ids = tasks.map(() => uuidv7());
  const rows = await insert(db, tasks, ids, options.announce ?? true).catch((error: unknown) => {
    throw faultOf(error, mayBeCommitted(error));
  });
  const due = new Map(rows.map((row) => [row.id, row.due]));
  const first = due.size < tasks.length ? await findFirst(db, tasks) : new Map<string, string>();
  return tasks.map((task, i) => {
    const id = ids[i] ?? '';
    const created = due.get(id);
    if (created !== undefined) return { id, created: true, due: created };
    const firstId = first.get(task.idempotencyKey ?? '');
    if (firstId === undefined) {
      throw new HydraError('unavailable', 'the first task with this idempotency key was removed meanwhile; try again');
    }
    return { id: firstId, created: false, due: false };
  });
}

/** Ids by key. A second statement, since the first cannot see the row that another transaction won with. */
async function findFirst(db: Queryable, tasks: readonly NewTask[]): Promise<Map<string, string>> {
  const keys = tasks.flatMap((t) => t.idempotencyKey ?? []);
  try {
    const { rows } = await db.query<{ id: string; idempotency_key: string }>(FIND_KEYS_SQL, [keys]);
    return new Map(rows.map((row) => [row.idempotency_key, row.id]));
  } catch (error) {
    throw faultOf(error, true);
  }
}

/** What whoever submitted them is told, since it decides how to try again. */
function faultOf(error: unknown, mayBeStored: boolean): unknown {
  if (!isUnavailable(error)) return error;
  const outcome = mayBeStored
    ? 'what was submitted may have been stored; with an idempotency_key it is safe to submit it again'
    : 'nothing was stored; try again';
  const message = `PostgreSQL is unavailable: ${databaseFault(error)}; ${outcome}`;
  return new HydraError('unavailable', message, [], { cause: error });
}

async function insert(db: Queryable, tasks: readonly NewTask[], ids: readonly string[], announce: boolean) {
  const stdin = joinStdin(tasks, ids);
  const { rows } = await db.query<{ id: string; due: boolean }>({
    name: 'insert-tasks',
    text: INSERT_SQL,
    values: [
      ids,
      tasks.map((t) => t.queue),
      tasks.map((t) => t.lane),
      tasks.map((t) => toJson(t.labels)),
      tasks.map((t) => t.priority),
      tasks.map((t) => t.command),
      tasks.map((t) => toJson(t.argv)),
      tasks.map((t) => toJson(t.options)),
      tasks.map((t) => toJson(t.secretEnv)),
      tasks.map((t) => t.stdin !== null),
      tasks.map((t) => toJson(t.retry)),
      tasks.map((t) => t.retryLost),
      tasks.map((t) => t.totalTimeoutMs),
      tasks.map((t) => t.idempotencyKey),
      tasks.map((t) => toText(t.startDeadline)),
      tasks.map((t) => toText(t.scheduledAt)),
      stdin.bytes,
      stdin.ids,
      stdin.starts,
      stdin.lengths,
      announce,
    ],
  });
  return rows;
}

function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** As text in UTC: `pg` writes a Date in local time, whose offset is not exact for early years. */
function toText(instant: Date | null): string | null {
  return instant?.toISOString() ?? null;
}

/** What all commands read, one after the other, and which part is whose. Parts start at 1. */
function joinStdin(tasks: readonly NewTask[], ids: readonly string[]) {
  const parts = tasks.flatMap(({ stdin }, i) => (stdin === null ? [] : [{ id: ids[i] ?? '', stdin }]));
  let start = 1;
  const starts = parts.map(({ stdin }) => (start += stdin.length) - stdin.length);
  return {
    bytes: parts.length === 0 ? null : Buffer.concat(parts.map(({ stdin }) => stdin)),
    ids: parts.map(({ id }) => id),
    starts,
    lengths: parts.map(({ stdin }) => stdin.length),
  };
}
