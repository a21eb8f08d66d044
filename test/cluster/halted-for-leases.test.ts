import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimPort } from '../../src/cli/up/ports.ts';
import { hits } from '../coordinator/support/scrape.ts';
import type { Handle } from '../support/cluster.ts';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { Ledger } from '../support/ledger.ts';
import { submitBatch, type SubmittedTask } from '../support/rest-client.ts';

/*
 * A process is halted under load for four leases and goes on as if nothing had happened. What really ran comes from a
 * ledger on disk; a lock that the kernel holds for each task finds attempts that run side by side.
 */

const LEASE_MS = 5_000;
const HALT_MS = 20_000;
/** Most that any process may grow by, whatever waits for the one that is halted. */
const GROWTH_MIB = 200;

let ledger: Ledger;
let locks: string;
beforeEach(() => {
  ledger = new Ledger();
  locks = mkdtempSync(join(tmpdir(), 'hydra-locks-'));
});
afterEach(() => {
  ledger.remove();
  rmSync(locks, { recursive: true });
});
const fixture = clusterForEachTest();

/** Runs `work` unless another attempt of the task is alive, and says so. */
function guarded(index: number, work: string): string {
  const begun = ledger.append(`${index} $HYDRA_ATTEMPT begins`);
  const overlap = ledger.append(`${index} $HYDRA_ATTEMPT overlaps`);
  return `exec 9>${locks}/${index}; flock -n 9 || { ${overlap}; exit 99; }; ${begun}; ${work}`;
}

const LONG = 'sleep 8';

/** Short ones, output floods, commands that outlive the halt, and long texts to dispatch; in turn. */
const WORKS: readonly ((index: number) => string)[] = [
  () => 'true',
  (index) => `echo ${index}; sleep 0.2`,
  () => 'sleep 0.1',
  (index) => (index % 36 === 3 ? 'head -c 40000000 /dev/zero | tr "\\0" x' : 'sleep 0.3'),
  (index) => (index % 24 === 4 ? LONG : 'true'),
  () => `true #${'x'.repeat(90_000)}`,
];

function load(from: number, count: number): SubmittedTask[] {
  return Array.from({ length: count }, (_, at) => {
    const index = from + at;
    return { command: guarded(index, WORKS[index % WORKS.length]!(index)) };
  });
}

const statusOf = ({ process }: Handle, field: 'VmRSS' | 'VmHWM') => {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'));
  return Math.round(Number(kib?.[1]) / 1024);
};

/** Two coordinators and three workers at work, and how to look at them. */
async function underLoad() {
  const env = { HYDRA_LEASE_MS: String(LEASE_MS) };
  const cluster = await fixture.start({ coordinators: 0, workers: 0, env });
  const ports: number[] = [];
  for (let count = 0; count < 2; count++) {
    const { port } = await claimPort({ host: '127.0.0.1', port: 0 }, '');
    ports.push(port);
    await cluster.startCoordinator({ HYDRA_HEALTH_PORT: String(port) });
  }
  for (let count = 0; count < 3; count++) await cluster.startWorker({ HYDRA_SLOTS: '6' });
  const all = [cluster.scheduler, ...cluster.coordinators, ...cluster.workers];
  const before = new Map(all.map((handle) => [handle, statusOf(handle, 'VmRSS')]));
  const ids = [...(await submitBatch(cluster.schedulerUrl, load(0, 360)))];
  const longOnes = async () => {
    const { rows } = await fixture.database.pool.query<{ worker_id: string }>(
      `SELECT DISTINCT worker_id FROM tasks WHERE state = 'running' AND command LIKE $1`,
      [`%; ${LONG}`],
    );
    return rows.map((row) => row.worker_id);
  };
  // What it has just begun goes on longer than its lease.
  await expect.poll(longOnes, { timeout: 20_000 }).toContain(cluster.workers[0]!.details.workerId);
  /** Goes on submitting while `handle` is halted. */
  const halt = async (handle: Handle) => {
    const end = performance.now() + HALT_MS;
    handle.process.signal('SIGSTOP');
    try {
      while (performance.now() < end) {
        ids.push(...(await submitBatch(cluster.schedulerUrl, load(ids.length, 12))));
        await delay(1_000);
      }
    } finally {
      handle.process.signal('SIGCONT');
    }
  };
  const growth = () => all.map((handle) => [handle.process.name, statusOf(handle, 'VmHWM') - before.get(handle)!]);
  return { cluster, ids, ports, halt, growth };
}

/** Every task has ended well; none ran twice at a time, and no attempt began twice. */
async function expectAllEndedOnce(ids: readonly string[]): Promise<void> {
  const states = async () => {
    const { rows } = await fixture.database.pool.query<{ state: string; count: number }>(
      'SELECT state, count(*)::int FROM tasks GROUP BY state',
    );
    return Object.fromEntries(rows.map(({ count, state }) => [state, count]));
  };
  await expect.poll(states, { timeout: 90_000, interval: 500 }).toEqual({ completed: ids.length });
  const lines = ledger.lines();
  expect(lines.filter((line) => line.endsWith('overlaps'))).toEqual([]);
  const begun = lines.filter((line) => line.endsWith('begins'));
  expect(new Set(begun).size).toBe(begun.length);
  expect(new Set(begun.map((line) => line.split(' ')[0])).size).toBe(ids.length);
}

describe('halted for four leases under load', () => {
  test('a worker loses what it ran to others, and works on when it goes on', async () => {
    const { cluster, growth, halt, ids, ports } = await underLoad();
    const halted = cluster.workers[0]!;
    await halt(halted);
    await expectAllEndedOnce(ids);
    expect(growth().filter(([, mib]) => Number(mib) > GROWTH_MIB)).toEqual([]);
    for (const port of ports) expect(await hits(port, 'worker_backlog')).toBe(0);
    const back = await submitBatch(
      cluster.schedulerUrl,
      Array.from({ length: 18 }, () => ({ command: 'sleep 1' })),
    );
    const byHalted = async () => {
      const { rows } = await fixture.database.pool.query<{ count: number }>(
        `SELECT count(*)::int FROM tasks WHERE id = ANY ($1) AND state = 'completed' AND worker_id = $2`,
        [back, halted.details.workerId],
      );
      return rows[0]!.count;
    };
    await expect.poll(byHalted, { timeout: 20_000 }).toBe(6);
  }, 180_000);

  test('a coordinator loses its workers to the other, and serves when it goes on', async () => {
    const { cluster, growth, halt, ids, ports } = await underLoad();
    await halt(cluster.coordinators[0]!);
    await expectAllEndedOnce(ids);
    expect(growth().filter(([, mib]) => Number(mib) > GROWTH_MIB)).toEqual([]);
    for (const port of ports) expect(await hits(port, 'worker_backlog')).toBe(0);
    await cluster.kill(cluster.coordinators[1]!, 'SIGTERM');
    const [id = ''] = await submitBatch(cluster.schedulerUrl, [{ command: 'true' }]);
    const state = async () =>
      (await fixture.database.pool.query<{ state: string }>('SELECT state FROM tasks WHERE id = $1', [id])).rows[0]!
        .state;
    await expect.poll(state, { timeout: 20_000 }).toBe('completed');
  }, 180_000);
});
