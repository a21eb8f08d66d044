import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../src/db/pool.ts';
import { formatLane, type Labels } from '../../src/domain/lane.ts';

export interface TaskSeed {
  readonly command?: string;
  readonly queue?: string;
  readonly labels?: Labels;
  readonly priority?: number;
  /** Due this long from now, by PostgreSQL's clock; negative: overdue. */
  readonly dueInMs?: number;
}

const SQL = /* sql */ `
  INSERT INTO tasks (id, queue, labels, lane, priority, command, scheduled_at, due_at)
  VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 ms', now() + $7 * interval '1 ms')
`;

/** Puts a task straight into the table, and says nothing to anyone. Returns its id. */
export async function seedTask(db: Queryable, seed: TaskSeed = {}): Promise<string> {
  const id = randomUUID();
  const { command = 'true', dueInMs = 0, labels = {}, priority = 0, queue = 'default' } = seed;
  await db.query(SQL, [id, queue, labels, formatLane({ queue, labels }), priority, command, dueInMs]);
  return id;
}

export interface StoredTask {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly lost_attempts: number;
  readonly worker_id: string | null;
  readonly coordinator_id: string | null;
  readonly reason: string | null;
  readonly exit_code: number | null;
  readonly due_at: Date;
  readonly scheduled_at: Date;
  readonly picked_at: Date | null;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly failed_at: Date | null;
}

export async function storedTask(db: Queryable, id: string): Promise<StoredTask> {
  const { rows } = await db.query<StoredTask>('SELECT * FROM tasks WHERE id = $1', [id]);
  const row = rows[0];
  if (row === undefined) throw new Error(`task ${id} is gone`);
  return row;
}
