// Tasks straight into the table: what is measured is what becomes of them.
let batches = 0;

/**
 * Inserts `count` tasks and announces them in one transaction. Returns when it was committed, in milliseconds since the
 * epoch, by the clock of this process just before.
 *
 * @param {string} options.due SQL for when task `n` (from 1) is due
 * @param {string} [options.queue] SQL for its queue
 */
export async function seed(pool, count, { due, queue = `'default'` }) {
  const client = await pool.connect();
  // Ids that sort by creation, as those of the scheduler do.
  const prefix = `01900000-0000-7000-8000-${(++batches).toString(16).padStart(4, '0')}`;
  try {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at)
       SELECT ('${prefix}' || lpad(to_hex(n), 8, '0'))::uuid, ${queue}, ${queue}, 'true', at, at
       FROM (SELECT n, date_trunc('milliseconds', ${due}) AS at FROM generate_series(1, ${Number(count)}) n) numbered`,
    );
    await client.query('NOTIFY hydra_due');
    const atMs = performance.timeOrigin + performance.now();
    await client.query('COMMIT');
    return atMs;
  } finally {
    client.release();
  }
}

/** SQL for `due`: at once. */
export const AT_ONCE = 'now()';

/** How many attempts were not the last of their task. Throws unless exactly `count` tasks have completed, and no other way. */
export async function lostAttempts(pool, count) {
  const { rows } = await pool.query(
    `SELECT count(*) FILTER (WHERE state = 'completed')::int AS well,
       count(*) FILTER (WHERE state NOT IN ('scheduled', 'completed'))::int AS otherwise,
       coalesce(sum(attempt - 1) FILTER (WHERE attempt > 1), 0)::int AS lost FROM tasks`,
  );
  const [{ lost, otherwise, well }] = rows;
  if (well !== count || otherwise > 0)
    throw new Error(`${well} of ${count} tasks completed, ${otherwise} went otherwise`);
  return lost;
}
