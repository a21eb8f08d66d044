import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  CANCELLABLE_STATES,
  cancelPageQuery,
  cancelRangesQuery,
  cancelTasks,
  type CancelFilter,
} from '../../src/db/cancel-tasks.ts';
import { CANCELLED_CHANNEL } from '../../src/db/channels.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { insertTasks } from '../../src/db/insert-tasks.ts';
import { TASK_STATES, type TaskState } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask } from '../support/tasks.ts';
import { COORDINATOR, exited, report, seedRun } from './support/attempts.ts';
import { explain } from './support/explain.ts';
import { intercept } from './support/intercept.ts';
import { Listening } from './support/listening.ts';
import { newTask, seedRow } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.pool.query('DELETE FROM tasks'));
afterAll(() => database.close());

interface Row {
  id: string;
  state: TaskState;
  requested: boolean;
}

async function rows(): Promise<Row[]> {
  const result = await database.pool.query<Row>(
    'SELECT id, state, cancel_requested_at IS NOT NULL AS requested FROM tasks ORDER BY id',
  );
  return result.rows;
}

describe('cancelTasks', () => {
  const LABELS = [{}, { region: 'eu' }, { region: 'eu', gpu: 'a100' }, { region: 'us' }];
  const seed = fc.record({
    state: fc.constantFrom(...TASK_STATES),
    queue: fc.constantFrom('a', 'b'),
    workerId: fc.constantFrom('w1', 'w2'),
    labels: fc.constantFrom(...LABELS),
    scheduledAt: fc.constantFrom('2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z', '2030-01-03T00:00:00Z'),
  });
  const instant = fc.constantFrom('2030-01-01', '2030-01-02', '2030-01-03').map((day) => new Date(day));
  const filter = fc.record(
    {
      states: fc.subarray([...CANCELLABLE_STATES], { minLength: 1 }),
      queue: fc.constantFrom('a', 'b', 'absent'),
      workerId: fc.constantFrom('w1', 'w2', 'absent'),
      labels: fc.constantFrom(...LABELS),
      scheduledFrom: instant,
      scheduledTo: instant,
    },
    { requiredKeys: [] },
  );
  type Seed = typeof seed extends fc.Arbitrary<infer T> ? T : never;

  function matches(wanted: CancelFilter, { labels, queue, scheduledAt, state, workerId }: Seed): boolean {
    const live: readonly TaskState[] = wanted.states ?? CANCELLABLE_STATES;
    const at = Date.parse(scheduledAt);
    return (
      live.includes(state) &&
      queue === (wanted.queue ?? queue) &&
      // Only what runs has a worker here.
      (wanted.workerId === undefined || (state === 'running' && workerId === wanted.workerId)) &&
      Object.entries(wanted.labels ?? {}).every(([key, value]) =>
        Object.entries(labels).some(([k, v]) => k === key && v === value),
      ) &&
      at >= (wanted.scheduledFrom?.getTime() ?? -Infinity) &&
      at < (wanted.scheduledTo?.getTime() ?? Infinity)
    );
  }

  test('cancels exactly what the filter says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(seed, { maxLength: 20 }), filter, async (seeds, wanted) => {
        const expected = new Map<string, Row>();
        let [cancelled, cancelling] = [0, 0];
        for (const task of seeds) {
          const id = await seedRow(database.pool, task);
          const match = matches(wanted, task);
          const waits = task.state === 'scheduled';
          if (match && waits) cancelled++;
          if (match && !waits) cancelling++;
          expected.set(id, { id, state: match && waits ? 'cancelled' : task.state, requested: match && !waits });
        }
        expect(await cancelTasks(database.pool, wanted)).toEqual({ cancelled, cancelling });
        expect(new Map((await rows()).map((row) => [row.id, row]))).toEqual(expected);
        expect(await cancelTasks(database.pool, wanted)).toEqual({ cancelled: 0, cancelling: 0 });
        await database.pool.query('DELETE FROM tasks');
      }),
      { numRuns: 80 },
    );
  });

  test('goes through any number of pages, and tells owners once for each', async () => {
    const listening = await Listening.on(database.url, CANCELLED_CHANNEL);
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at, state, attempt, picked_at, coordinator_id)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now(), now(), s, p::int, CASE WHEN p THEN now() END,
        CASE WHEN p THEN gen_random_uuid() END
      FROM generate_series(1, 5000) i, LATERAL (SELECT i % 2 = 0 AS p) x,
        LATERAL (SELECT CASE WHEN p THEN 'picked' ELSE 'scheduled' END::task_state AS s) y`);
    expect(await cancelTasks(database.pool, { queue: 'q' })).toEqual({ cancelled: 2_500, cancelling: 2_500 });
    expect((await rows()).every(({ requested, state }) => requested || state === 'cancelled')).toBe(true);
    expect(await listening.heard()).toHaveLength(3);
    await listening.stop();
  });

  test('ends while new tasks arrive, and leaves those alone', async () => {
    for (let i = 0; i < 20; i++) await seedTask(database.pool);
    let inserted = 0;
    // Whenever it asks for something, there is one more; the first of them before it has begun.
    const db = intercept(database.pool, async () => {
      if (inserted < 200) await insertTasks(database.pool, [newTask()]);
      inserted++;
    });
    expect(await cancelTasks(db, {})).toEqual({ cancelled: 21, cancelling: 0 });
    expect(inserted).toBeLessThan(20);
    expect((await rows()).filter(({ state }) => state === 'scheduled')).toHaveLength(inserted - 1);
  });

  test('finds what goes back to waiting meanwhile', async () => {
    const key = await seedRun(database.pool, { retry: { max_attempts: 2, backoff: { type: 'fixed', delay_ms: 0 } } });
    await seedTask(database.pool);
    let failed = false;
    // What runs is looked at last; it fails just before that.
    const db = intercept(database.pool, async ({ values }) => {
      if (values?.[2] !== 'running' || failed) return;
      failed = true;
      await finishAttempts(database.pool, COORDINATOR, [report(key, exited(1))]);
    });
    expect(await cancelTasks(db, {})).toEqual({ cancelled: 2, cancelling: 0 });
    expect(failed).toBe(true);
  });

  test('and another one with the same tasks, or reports of them, do not deadlock', async () => {
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at, state, attempt, picked_at, coordinator_id)
      SELECT gen_random_uuid(), 'q', 'q', 'true', now() - random() * interval '1 h', now(), 'picked', 1, now(),
        gen_random_uuid()
      FROM generate_series(1, 3000)`);
    const reports = (await rows()).map(({ id }) => report({ taskId: id, attempt: 1 }));
    const backwards = [...reports].reverse();
    const results = await Promise.all([
      cancelTasks(database.pool, {}),
      finishAttempts(database.pool, COORDINATOR, reports),
      cancelTasks(database.pool, { queue: 'q' }),
      finishAttempts(database.pool, COORDINATOR, backwards),
    ]);
    expect(results[1].length + results[3].length).toBe(3_000);
    expect(
      (await rows()).every(({ requested, state }) => (requested ? state === 'cancelled' : state === 'completed')),
    ).toBe(true);
  });
});

describe('the cost of cancelTasks', () => {
  test('is that of a page, whatever the size of the table', async () => {
    await database.pool.query(/* sql */ `
      INSERT INTO tasks (id, state, queue, lane, labels, command, scheduled_at, due_at, picked_at, started_at,
        completed_at, attempt, worker_id, coordinator_id, exit_code, reason)
      SELECT gen_random_uuid(), s, q, q, '{}', 'true', at, at, CASE WHEN ran THEN at END, CASE WHEN ran THEN at END,
        CASE WHEN s = 'completed' THEN at END, ran::int, CASE WHEN ran THEN 'w' || i % 20 END,
        CASE WHEN ran THEN gen_random_uuid() END, CASE s WHEN 'completed' THEN 0 END,
        CASE WHEN s = 'completed' THEN 'exited' END::attempt_reason
      FROM generate_series(1, 100000) i,
        LATERAL (SELECT now() + i * interval '1 s' AS at, 'q' || i % 5 AS q,
          (CASE WHEN i % 2 = 0 THEN 'completed' WHEN i % 1001 = 0 THEN 'running' ELSE 'scheduled' END)::task_state AS s) x,
        LATERAL (SELECT s <> 'scheduled' AS ran) y`);
    await database.pool.query('VACUUM ANALYZE tasks');
    const now = new Date(Date.now() + 3_600_000).toISOString();
    const start = { scheduledAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' };
    for (const filter of [{}, { queue: 'q1' }, { workerId: 'w7' }, { queue: 'q1', workerId: 'w7' }]) {
      const ranges = await explain(database.pool, cancelRangesQuery(filter));
      expect(ranges).toMatchObject({ scanned: [] });
      expect(ranges.blocks).toBeLessThan(200);
      // Nothing matches; what is read is a thousand tasks, at most a block of the table for each.
      for (const state of ['scheduled', 'running'] as const) {
        const query = cancelPageQuery({ ...filter, labels: { no: 'such' } }, { queue: 'q1', state }, start, now);
        const page = await explain(database.pool, query);
        expect(page).toMatchObject({ scanned: [] });
        expect(page.blocks).toBeLessThan(1_100);
      }
    }
  });
});
