import type { Queryable } from './pool.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

const SQL = /* sql */ `SELECT ${TASK_COLUMNS} FROM tasks t WHERE t.id = $1`;

/** A task as it stands, without what takes longer to find out; `null` when there is none with this id. */
export async function findTask(db: Queryable, id: string): Promise<TaskRow | null> {
  const { rows } = await db.query<TaskRow>({ name: 'find-task', text: SQL, values: [id] });
  return rows[0] ?? null;
}
