import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listTasks, listTasksQuery, type ListPosition, type TaskFilter } from '../../src/db/list-tasks.ts';
import type { Queryable } from '../../src/db/pool.ts';
import { TASK_STATES, type TaskState } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedRow } from './support/rows.ts';

interface Row {
  id: string;
  /** To the microsecond. */
  at: string;
  state: TaskState;
  queue: string;
  worker: string | null;
}

const QUEUES = ['a', 'b', 'c'];
const WORKERS = ['w1', 'w2'];
/** Few, so that many tasks share one; some differ by a microsecond. */
const INSTANTS = ['2030-01-01T00:00:00.000000Z', '2030-01-01T00:00:00.000001Z', '2030-01-02T00:00:00.500000Z'];

const exact = (date: Date) => date.toISOString().replace('Z', '000Z');

async function listAll(db: Queryable, filter: TaskFilter, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let after: ListPosition | null = null;
  do {
    const page = await listTasks(db, filter, after, limit);
    pages.push(page.tasks.map(({ id }) => id));
    after = page.next;
  } while (after !== null);
  return pages;
}

describe('listTasks', () => {
  let database: TestDatabase;
  let rows: Row[];

  beforeAll(async () => {
    database = await createTestDatabase();
    for (let i = 0; i < 300; i++) {
      await seedRow(database.pool, {
        state: TASK_STATES[i % TASK_STATES.length] ?? 'scheduled',
        queue: QUEUES[(i * 5) % 3] ?? '',
        workerId: WORKERS[Math.floor(i / 7) % 2] ?? '',
        scheduledAt: INSTANTS[Math.floor(i / 3) % 3] ?? '',
      });
    }
    const result = await database.pool.query<Row>(/* sql */ `
      SELECT id, to_char(scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, state, queue,
        worker_id AS worker
      FROM tasks ORDER BY scheduled_at DESC, id DESC`);
    ({ rows } = result);
  });
  afterAll(() => database.close());

  const instant = fc.constantFrom('2029-12-31', '2030-01-01', '2030-01-02', '2030-01-03').map((day) => new Date(day));
  const filter = fc.record(
    {
      states: fc.uniqueArray(fc.constantFrom(...TASK_STATES), { minLength: 1 }),
      queue: fc.constantFrom(...QUEUES, 'absent'),
      workerId: fc.constantFrom(...WORKERS, 'absent'),
      scheduledFrom: instant,
      scheduledTo: instant,
    },
    { requiredKeys: [] },
  );

  test('gives exactly what the filters say, in order, in pages of the size asked for', async () => {
    await fc.assert(
      fc.asyncProperty(filter, fc.integer({ min: 1, max: 120 }), async (wanted, limit) => {
        const expected = rows
          .filter(({ state }) => wanted.states?.includes(state) ?? true)
          .filter(({ queue }) => wanted.queue === undefined || queue === wanted.queue)
          .filter(({ worker }) => wanted.workerId === undefined || worker === wanted.workerId)
          .filter(({ at }) => wanted.scheduledFrom === undefined || at >= exact(wanted.scheduledFrom))
          .filter(({ at }) => wanted.scheduledTo === undefined || at < exact(wanted.scheduledTo))
          .map(({ id }) => id);
        const pages = await listAll(database.pool, wanted, limit);
        expect(pages.flat()).toEqual(expected);
        expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
        expect(pages.length === 1 || pages.at(-1)?.length !== 0).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps its place when other tasks come and go', async () => {
    const first = await listTasks(database.pool, {}, null, 10);
    const added = await seedRow(database.pool, { scheduledAt: '2031-01-01' });
    const second = await listTasks(database.pool, {}, first.next, 10);
    await database.pool.query('DELETE FROM tasks WHERE id = $1', [added]);
    const ids = [...first.tasks, ...second.tasks].map(({ id }) => id);
    expect(ids).toEqual(rows.slice(0, 20).map(({ id }) => id));
  });

  test('never shows what lies outside the range, wherever a position points', async () => {
    const scheduledTo = new Date('2030-01-02');
    const beyond = { scheduledAt: '2035-01-01T00:00:00.000000Z', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
    const page = await listTasks(database.pool, { scheduledTo }, beyond, 1_000);
    expect(page.tasks).toHaveLength(rows.filter(({ at }) => at < '2030-01-02').length);
  });
});

/** Tasks of a page, and the one more that tells whether it is the last. */
const PAGE = 51;
/** Three levels, a leaf beside it, and the row. */
const BLOCKS_PER_DESCENT = 5;
const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Every choice of one filter from each list. */
function combine(...lists: TaskFilter[][]): TaskFilter[] {
  return lists.reduce((all, list) => all.flatMap((a) => list.map((b) => ({ ...a, ...b }))), [{}]);
}

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Plan[];
}

describe('the cost of listTasks', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    // Twenty queues of very different sizes, forty workers; nearly all completed, a few in every other state.
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, state, queue, lane, command, scheduled_at, due_at, created_at, picked_at, started_at,
        completed_at, failed_at, attempt, worker_id, coordinator_id, exit_code, reason)
      SELECT gen_random_uuid(), s, q, q, 'echo ' || i, at, at, at, CASE WHEN s <> 'scheduled' THEN at END,
        CASE WHEN s <> 'scheduled' THEN at END, CASE WHEN s = 'completed' THEN at END,
        CASE WHEN s = 'failed' THEN at END, (s <> 'scheduled')::int, CASE WHEN s <> 'scheduled' THEN 'w' || i % 40 END,
        CASE WHEN s <> 'scheduled' THEN gen_random_uuid() END,
        CASE s WHEN 'completed' THEN 0 WHEN 'failed' THEN 1 END,
        CASE WHEN s IN ('completed', 'failed') THEN 'exited' END::attempt_reason
      FROM (
        SELECT i, 'q' || floor(power(random(), 3) * 20)::int AS q, now() - i * interval '1 s' AS at,
          (CASE WHEN i % 1000 = 0 THEN 'failed' WHEN i % 100 = 1 THEN 'scheduled' WHEN i % 10000 = 2 THEN 'running'
            ELSE 'completed' END)::task_state AS s
        FROM generate_series(1, 200000) i
      ) rows`);
    // VACUUM notes what every transaction sees, so that indexes alone are read; only what is on disk is seen by all.
    await database.pool.query('CHECKPOINT');
    await database.pool.query('VACUUM ANALYZE tasks');
  });
  afterAll(() => database.close());

  const DAY_MS = 86_400_000;
  const range = { scheduledFrom: new Date(Date.now() - DAY_MS), scheduledTo: new Date(Date.now() - DAY_MS + 600_000) };
  const filters = combine(
    [{}, { states: ['failed'] }, { states: ['expired'] }, { states: ['scheduled', 'running'] }],
    [{}, { queue: 'q0' }, { queue: 'q19' }, { queue: 'absent' }],
    [{}, { workerId: 'w7' }, { workerId: 'absent' }],
    [{}, range],
  );

  async function explain(filter: TaskFilter, after: ListPosition | null): Promise<Plan> {
    const { text, values } = listTasksQuery(filter, after, PAGE);
    const { rows } = await database.pool.query<{ 'QUERY PLAN': { Plan: Plan }[] }>({
      text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
      values,
    });
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
    if (plan === undefined) throw new Error('EXPLAIN returned no plan');
    return plan;
  }

  const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

  test('does not grow with the table: a page costs a few blocks for each queue and state in question', async () => {
    const middle = { scheduledAt: new Date(Date.now() - DAY_MS).toISOString(), id: LAST_UUID };
    expect(filters).toHaveLength(96);
    for (const filter of filters) {
      // Four states occur. To find a range, to look at its newest task and to read on takes a descent of the index each.
      const ranges = filter.queue === undefined ? 21 * 4 : 4;
      const bound = ranges * 3 * BLOCKS_PER_DESCENT + PAGE * BLOCKS_PER_DESCENT;
      for (const after of [null, middle]) {
        const plan = await explain(filter, after);
        const scans = nodes(plan).filter(
          (node) => node['Relation Name'] === 'tasks' && node['Node Type'] === 'Seq Scan',
        );
        const what = JSON.stringify({ filter, after });
        expect(scans, what).toEqual([]);
        expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], what).toBeLessThan(bound);
      }
    }
  });
});
