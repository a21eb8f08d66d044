/**
 * A recursive CTE `ranges`: the queues and states that occur, in the order of the index that begins with them, found by
 * jumping from one to the next. `$1`: of this queue alone, or NULL. `condition` is on `tasks t`, on what comes before
 * them in the index, and ends in AND.
 */
export function rangesSql(condition: string): string {
  return /* sql */ `
    ranges AS (
      (
        SELECT t.queue, t.state FROM tasks t
        WHERE ${condition} ($1::text IS NULL OR t.queue = $1) ORDER BY t.queue, t.state LIMIT 1
      )
      UNION ALL
      SELECT next.queue, next.state FROM ranges r CROSS JOIN LATERAL (
        SELECT t.queue, t.state FROM tasks t
        WHERE ${condition} (t.queue, t.state) > (r.queue, r.state) ORDER BY t.queue, t.state LIMIT 1
      ) next
      -- Out here: as a second condition on the queue it would be where PostgreSQL begins to read.
      WHERE $1 IS NULL OR next.queue = $1
    )`;
}
