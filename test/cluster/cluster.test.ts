import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { Ledger } from '../support/ledger.ts';
import { allEnded, submitBatch, type ShownTask } from '../support/rest-client.ts';

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
});
afterEach(() => ledger.remove());
const fixture = clusterForEachTest();

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

function countBy<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Looks again until there are that many lines; the test's own limit bounds it. */
async function linesInLedger(count: number): Promise<void> {
  while (ledger.lines().length < count) await new Promise((resolve) => setTimeout(resolve, 20));
}

function expectAllCompleted(tasks: readonly ShownTask[]): void {
  expect(tasks.filter((task) => task.state !== 'completed')).toEqual([]);
}

describe('a cluster', () => {
  test('runs each of 5,000 tasks exactly once and none early, over 3 workers and 2 coordinators', async () => {
    const { schedulerUrl, workers } = await fixture.start({ coordinators: 2, workers: 3, slots: 4 });
    const now = Date.now();
    // Most are due at once, every fifth at an instant within the next ten seconds.
    const instants = range(5_000).map((index) => (index % 5 === 0 ? now + 1_000 + Math.random() * 9_000 : now));
    const ids = await submitBatch(
      schedulerUrl,
      instants.map((ms, index) => ({
        command: ledger.append(`${index} $(date +%s%N)`),
        scheduled_at: new Date(ms).toISOString(),
      })),
    );
    const tasks = await allEnded(schedulerUrl, ids);
    expectAllCompleted(tasks);
    expect(tasks.filter((task) => task.attempt !== 1)).toEqual([]);

    const ran = ledger.lines().map((line) => line.split(' ').map(Number) as [number, number]);
    expect(ran).toHaveLength(5_000);
    expect(new Set(ran.map(([index]) => index)).size).toBe(5_000);
    // scheduled_at has milliseconds; PostgreSQL and the commands read the same machine's clock.
    const early = ran.filter(([index, ns]) => ns / 1e6 < Math.floor(instants[index]!));
    expect(early).toEqual([]);

    expect(new Set(tasks.map((task) => task.worker_id))).toEqual(
      new Set(workers.map(({ details }) => details.workerId)),
    );
    const { rows } = await fixture.database.pool.query('SELECT DISTINCT coordinator_id FROM tasks');
    expect(rows).toHaveLength(2);
  }, 180_000);

  test('ends every task although a worker is killed in the middle', async () => {
    const { schedulerUrl, workers } = await fixture.start({
      coordinators: 2,
      workers: 3,
      env: { HYDRA_LEASE_MS: '2000' },
    });
    const ids = await submitBatch(
      schedulerUrl,
      range(150).map((index) => ({ command: `${ledger.append(`${index}`)}; sleep 0.3` })),
    );
    await linesInLedger(30);
    const doomed = workers[0]!;
    await fixture.cluster.kill(doomed, 'SIGKILL');
    const tasks = await allEnded(schedulerUrl, ids);
    expectAllCompleted(tasks);
    // What the dead worker ran was run again elsewhere; everything else ran once.
    const again = new Set(range(150).filter((index) => tasks[index]!.attempt > 1));
    expect(again.size).toBeGreaterThan(0);
    expect(again.size).toBeLessThanOrEqual(4);
    for (const [line, times] of countBy(ledger.lines())) {
      expect(times).toBeLessThanOrEqual(again.has(Number(line)) ? 2 : 1);
    }
    expect(new Set(ledger.lines()).size).toBe(150);
    const { rows } = await fixture.database.pool.query<{ worker_id: string; reason: string }>(
      'SELECT * FROM past_attempts',
    );
    for (const row of rows) expect(row.reason).toBe('worker_lost');
    const left = await fixture.database.pool.query<{ id: string }>('SELECT id FROM workers');
    expect(left.rows.map((row) => row.id)).not.toContain(doomed.details.workerId);
  });

  test('keeps commands running while their coordinator is killed, and runs none again', async () => {
    const { coordinators, schedulerUrl } = await fixture.start({
      coordinators: 2,
      workers: 2,
      env: { HYDRA_LEASE_MS: '3000' },
    });
    const ids = await submitBatch(
      schedulerUrl,
      range(8).map((index) => ({ command: `${ledger.append(`${index}`)}; sleep 4` })),
    );
    await linesInLedger(8);
    await fixture.cluster.kill(coordinators[0]!, 'SIGKILL');
    const tasks = await allEnded(schedulerUrl, ids);
    expectAllCompleted(tasks);
    expect(tasks.map((task) => task.attempt)).toEqual(range(8).map(() => 1));
    expect(ledger.lines().sort()).toEqual(range(8).map(String));
    // The survivor serves both workers.
    expectAllCompleted(
      await allEnded(
        schedulerUrl,
        await submitBatch(
          schedulerUrl,
          range(8).map(() => ({ command: 'true' })),
        ),
      ),
    );
  });

  test('cancels what runs although the coordinator that has it in hand is killed at that moment', async () => {
    const { coordinators, schedulerUrl, workers } = await fixture.start({
      coordinators: 2,
      workers: 1,
      env: { HYDRA_LEASE_MS: '3000' },
    });
    const ids = await submitBatch(
      schedulerUrl,
      range(4).map((index) => ({ command: `${ledger.append(`${index}`)}; trap '' TERM; sleep 60`, grace_ms: 200 })),
    );
    await linesInLedger(4);
    const { rows } = await fixture.database.pool.query<{ coordinator_id: string }>(
      'SELECT coordinator_id FROM workers',
    );
    const holder = coordinators.find(({ details }) => details.coordinatorId === rows[0]!.coordinator_id)!;
    await fixture.cluster.kill(holder, 'SIGKILL');
    const began = performance.now();
    for (const id of ids) expect((await fetch(`${schedulerUrl}/schedule/${id}`, { method: 'DELETE' })).ok).toBe(true);
    const tasks = await allEnded(schedulerUrl, ids);
    expect(performance.now() - began).toBeLessThan(30_000);
    const worker = workers[0]!.details.workerId;
    for (const task of tasks) {
      expect(task).toMatchObject({ state: 'cancelled', reason: 'cancelled', attempt: 1, worker_id: worker });
    }
    expect(ledger.lines().sort()).toEqual(range(4).map(String));
  });

  test('lets a worker that is asked to stop finish and report what it runs', async () => {
    const { schedulerUrl, workers } = await fixture.start({ workers: 2, slots: 2 });
    const ids = await submitBatch(
      schedulerUrl,
      range(4).map((index) => ({ command: `${ledger.append(`${index}`)}; sleep 1` })),
    );
    await linesInLedger(4);
    expect(await fixture.cluster.kill(workers[0]!, 'SIGTERM')).toEqual({ code: 0, signal: null });
    const tasks = await allEnded(schedulerUrl, ids);
    expectAllCompleted(tasks);
    expect(tasks.map((task) => task.attempt)).toEqual([1, 1, 1, 1]);
    expect(ledger.lines().sort()).toEqual(range(4).map(String));
  });

  test('sends PostgreSQL fewer than two statements a second while idle', async () => {
    await fixture.start({ coordinators: 1, workers: 2 });
    const committed = async () => {
      const { rows } = await fixture.database.pool.query<{ count: number }>(
        'SELECT xact_commit::int AS count FROM pg_stat_database WHERE datname = current_database()',
      );
      return rows[0]!.count;
    };
    // A rate can only be seen over a time: two intervals of every loop. What was sent while the cluster started shows
    // up to ten seconds late, so the first windows may hold more; a cluster that does not come to rest never passes.
    const windowS = 12;
    for (let before = await committed(); ;) {
      await new Promise((resolve) => setTimeout(resolve, windowS * 1_000));
      const after = await committed();
      if (after - before < 2 * windowS) break;
      before = after;
    }
  });
});
