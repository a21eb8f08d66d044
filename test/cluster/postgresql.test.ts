import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Ports } from '../../chaos/ports.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { Ledger } from '../support/ledger.ts';
import { submitBatch } from '../support/rest-client.ts';
import { Gate } from '../worker/support/gate.ts';
import { startOwnPostgres, type OwnPostgres } from './support/own-postgres.ts';
import { SteadyLoad } from './support/steady-load.ts';

/* What PostgreSQL can do to a cluster, each with a server of its own. Nothing may be lost or run twice by any of it. */

interface Readiness {
  readonly status: number;
  /** Of a coordinator or a worker. */
  readonly postgresql: string;
  /** Of a scheduler. */
  readonly detail: string;
}

const ports = new Ports();
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
/** Whatever takes longer has failed. */
const SOON = { timeout: 60_000, interval: 50 };

let postgres: OwnPostgres;
let ledger: Ledger;
let cluster: TestCluster | undefined;
/** Of the health servers, without a path. */
let coordinators: string[] = [];
let workers: string[] = [];
/** Of the test itself, so that others have none. */
let taken: pg.Client[] = [];

beforeEach(async () => {
  ledger = new Ledger();
  coordinators = [];
  workers = [];
  taken = [];
  postgres = await startOwnPostgres();
});
afterEach(async () => {
  try {
    await giveBackConnections();
    // Also: no process has ended, and none is left over.
    await cluster?.stop();
  } finally {
    cluster = undefined;
    await postgres.database.close();
    ledger.remove();
  }
});

/** With health servers. The lease is 10 s unless said otherwise. */
async function start(parts: { workers: number; slots: number; leaseMs?: number }): Promise<TestCluster> {
  const env = { HYDRA_LEASE_MS: String(parts.leaseMs ?? 10_000) };
  const started = await startCluster({ ...parts, database: postgres.database, coordinators: 0, workers: 0, env });
  cluster = started;
  for (const [part, urls] of [
    ['coordinator', coordinators],
    ['worker', workers],
  ] as const) {
    for (let count = part === 'worker' ? parts.workers : 2; count > 0; count--) {
      const port = await ports.next();
      const health = { HYDRA_HEALTH_PORT: String(port) };
      await (part === 'worker' ? started.startWorker(health) : started.startCoordinator(health));
      urls.push(`http://127.0.0.1:${port}`);
    }
  }
  return started;
}

async function readiness(url: string): Promise<Readiness> {
  const response = await fetch(`${url}/readyz`);
  const body = (await response.json()) as { checks?: { postgresql: string }; detail?: string };
  return { status: response.status, postgresql: body.checks?.postgresql ?? '', detail: body.detail ?? '' };
}

const scheduler = () => readiness(cluster?.schedulerUrl ?? '');

async function untilAllReady(): Promise<void> {
  for (const url of [cluster?.schedulerUrl ?? '', ...coordinators, ...workers]) {
    await expect.poll(async () => (await readiness(url)).status, SOON).toBe(200);
  }
}

/** A command that notes that it begins and ends, and in between does what it is told. */
function noting(what: string): string {
  const run = '$HYDRA_TASK_ID $HYDRA_ATTEMPT';
  return `${ledger.append(`start ${run}`)}; ${what}; ${ledger.append(`end ${run}`)}`;
}

const countLines = (kind: 'start' | 'end') => ledger.lines().filter((line) => line.startsWith(`${kind} `)).length;
const untilLines = (kind: 'start' | 'end', count: number) => expect.poll(() => countLines(kind), SOON).toBe(count);

interface Row {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly lost: number;
}

async function rows(): Promise<Row[]> {
  const sql = 'SELECT id, state, attempt, lost_attempts AS lost FROM tasks';
  return (await postgres.database.pool.query<Row>(sql)).rows;
}

/** Each has completed, has run once by its own account and to its end, and PostgreSQL knows no others. */
async function expectEachRanOnce(ids: readonly string[], timeout = 60_000): Promise<void> {
  await expect
    .poll(async () => (await rows()).filter(({ state }) => state !== 'completed'), { timeout, interval: 100 })
    .toEqual([]);
  const stored = await rows();
  expect(stored.filter(({ lost }) => lost > 0)).toEqual([]);
  expect(stored.map(({ id }) => id).sort()).toEqual([...ids].sort());
  const attempts = new Map(stored.map(({ attempt, id }) => [id, attempt]));
  const lines = ['start', 'end'].flatMap((kind) => ids.map((id) => `${kind} ${id} ${attempts.get(id)}`));
  expect(ledger.lines().sort()).toEqual(lines.sort());
}

const noneEnded = () => {
  const handles = [cluster?.scheduler, ...(cluster?.coordinators ?? []), ...(cluster?.workers ?? [])];
  return handles.every((handle) => handle?.process.running);
};

describe('PostgreSQL', () => {
  test('is not there yet when all is started: each part says so, and all goes on when it comes', async () => {
    await postgres.server.stop();
    const starting = start({ workers: 1, slots: 2 });
    await expect.poll(() => coordinators.length, SOON).toBe(2);
    for (const url of coordinators) {
      expect(await readiness(url)).toMatchObject({
        status: 503,
        postgresql: expect.stringContaining('connection refused') as string,
      });
    }
    await postgres.server.start();
    const { schedulerUrl } = await starting;
    await untilAllReady();
    await expectEachRanOnce(await submitBatch(schedulerUrl, [{ command: noting('true') }]));
  }, 180_000);

  test('stops for 30 s while 100 commands run: none is killed or run again, all results are recorded', async () => {
    const { schedulerUrl } = await start({ workers: 5, slots: 20, leaseMs: 15_000 });
    const [during, after] = [new Gate(), new Gate()];
    const gates = [...range(50).map(() => during), ...range(50).map(() => after)];
    const ids = await submitBatch(
      schedulerUrl,
      gates.map((gate) => ({ command: noting(gate.wait), on_worker_lost: 'fail' })),
    );
    await untilLines('start', 100);
    await expect.poll(async () => (await rows()).filter(({ state }) => state === 'running').length, SOON).toBe(100);

    await postgres.server.stop();
    const stoppedMs = performance.now();
    for (const url of coordinators) {
      await expect
        .poll(() => readiness(url), SOON)
        .toMatchObject({ status: 503, postgresql: expect.stringMatching(/connection refused/) as string });
    }
    for (const url of workers) {
      await expect.poll(() => readiness(url), SOON).toMatchObject({ postgresql: 'the coordinator cannot reach it' });
    }
    expect(await scheduler()).toMatchObject({
      status: 503,
      detail: 'PostgreSQL is unavailable: connection refused; try again',
    });
    during.pass(50);
    await untilLines('end', 50);
    await delay(30_000 - (performance.now() - stoppedMs));
    expect([noneEnded(), countLines('start'), countLines('end')]).toEqual([true, 100, 50]);

    await postgres.server.start();
    await untilAllReady();
    await expect.poll(async () => (await rows()).filter(({ state }) => state === 'completed').length, SOON).toBe(50);
    after.pass(50);
    await expectEachRanOnce(ids);
    expect((await rows()).filter(({ attempt }) => attempt !== 1)).toEqual([]);
    expect(noneEnded()).toBe(true);
  }, 240_000);

  test('restarts, and crashes, under load: each task runs once', async () => {
    const { schedulerUrl } = await start({ workers: 2, slots: 10 });
    const load = new SteadyLoad(() => schedulerUrl, ledger);
    await untilAccepted(load, 20);
    await postgres.server.stop();
    await postgres.server.start();
    await untilAccepted(load, 30);
    await postgres.server.crash();
    await postgres.server.start();
    await untilAccepted(load, 30);
    await expectEachRanOnce(await load.stop());
    await untilAllReady();
    expect(noneEnded()).toBe(true);
  }, 180_000);

  test('fails over, and is read-only meanwhile: it is said, and each task runs once', async () => {
    const { schedulerUrl } = await start({ workers: 2, slots: 10 });
    const gate = new Gate();
    const held = await submitBatch(
      schedulerUrl,
      range(5).map(() => ({ command: noting(gate.wait), on_worker_lost: 'fail' })),
    );
    const load = new SteadyLoad(() => schedulerUrl, ledger);
    await untilAccepted(load, 20);
    await postgres.server.setReadOnly(true);
    const fault = 'read-only: a failover is under way (25006)';
    for (const url of coordinators) {
      await expect
        .poll(() => readiness(url), SOON)
        .toMatchObject({ status: 503, postgresql: expect.stringContaining(fault) as string });
    }
    await expect
      .poll(() => scheduler(), SOON)
      .toMatchObject({ status: 503, detail: expect.stringContaining(fault) as string });
    await expect.poll(() => [...load.refusals].some((detail) => detail.includes(fault)), SOON).toBe(true);
    await delay(5_000);
    // Nobody is cut off this time: what is read-only must leave the pools by itself.
    await postgres.server.pool.query('ALTER SYSTEM RESET default_transaction_read_only');
    await postgres.server.pool.query('SELECT pg_reload_conf()');
    await untilAccepted(load, 30);
    gate.pass(5);
    await expectEachRanOnce([...held, ...(await load.stop())]);
    await untilAllReady();
  }, 180_000);

  test('has no connection left: those that there are go on, then nobody has one, and then all is well again', async () => {
    const { schedulerUrl } = await start({ workers: 2, slots: 10 });
    const load = new SteadyLoad(() => schedulerUrl, ledger);
    await untilAccepted(load, 20);
    await takeAllConnections();
    await untilAccepted(load, 20);
    expect([...load.refusals]).toEqual([]);

    // Those that are cut off come back, unless somebody is quicker.
    for (const deadline = performance.now() + 5_000; performance.now() < deadline;) {
      await postgres.server.disconnectOthers(taken[0]);
      await takeAllConnections();
    }
    for (const url of coordinators) {
      await expect
        .poll(() => readiness(url), SOON)
        .toMatchObject({ status: 503, postgresql: expect.stringContaining('too many connections (53300)') as string });
    }
    expect((await scheduler()).detail).toBe('PostgreSQL is unavailable: too many connections (53300); try again');
    expect([...load.refusals].some((detail) => detail.includes('too many connections (53300)'))).toBe(true);
    await giveBackConnections();
    await untilAccepted(load, 30);
    await expectEachRanOnce(await load.stop());
    await untilAllReady();
  }, 180_000);

  test('finds deadlocks with what records results: they are recorded all the same', async () => {
    const { schedulerUrl } = await start({ workers: 1, slots: 10 });
    const ids: string[] = [];
    const deadlocks = async () => {
      const { rows: found } = await postgres.database.pool.query<{ count: number }>(
        'SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()',
      );
      return found[0]!.count;
    };
    // Which results share a statement is a matter of moments.
    while ((await deadlocks()) === 0) {
      const gate = new Gate();
      const batch = await submitBatch(
        schedulerUrl,
        range(10).map(() => ({ command: noting(gate.wait), on_worker_lost: 'fail' })),
      );
      ids.push(...batch);
      await untilLines('start', ids.length);
      await expect.poll(async () => (await rows()).filter(({ state }) => state === 'running').length, SOON).toBe(10);
      const client = await postgres.server.connect();
      // Hydra looks for deadlocks first, and gives way.
      await client.query("SET deadlock_timeout = '1min'");
      await client.query('BEGIN');
      await client.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [[...batch].sort().at(-1)]);
      gate.pass(10);
      await untilSomebodyWaits();
      await client.query('SELECT FROM tasks WHERE id = ANY ($1) ORDER BY id DESC FOR UPDATE', [batch]);
      await client.query('COMMIT');
      await client.end();
    }
    await expectEachRanOnce(ids);
    expect((await rows()).filter(({ attempt }) => attempt !== 1)).toEqual([]);
  }, 180_000);

  test('answers slowly: less is done, and all leases are kept', async () => {
    const { schedulerUrl } = await start({ workers: 2, slots: 10 });
    const gate = new Gate();
    const held = await submitBatch(
      schedulerUrl,
      range(5).map(() => ({ command: noting(gate.wait), on_worker_lost: 'fail' })),
    );
    await untilLines('start', 5);
    postgres.link.break({
      kind: 'slow',
      slowness: { latencyMs: 150, jitterMs: 20, bytesPerSecond: 10_000_000 },
    });
    const load = new SteadyLoad(() => schedulerUrl, ledger);
    // And longer than a lease.
    await Promise.all([untilAccepted(load, 40), delay(12_000)]);
    for (const url of coordinators) expect(await readiness(url)).toMatchObject({ status: 200, postgresql: 'ok' });
    gate.pass(5);
    const ids = await load.stop();
    expect([...load.refusals]).toEqual([]);
    await expectEachRanOnce([...held, ...ids]);
    postgres.link.mend();
  }, 180_000);

  test('does not hear those that are connected, nor do they hear it: they find out within seconds', async () => {
    const { schedulerUrl } = await start({ workers: 2, slots: 10 });
    const load = new SteadyLoad(() => schedulerUrl, ledger);
    await untilAccepted(load, 20);
    // What connects from now on gets through; what is connected never again.
    postgres.link.break({ kind: 'half-open', afterwards: 'stay dead' });
    postgres.link.mend();
    const brokenMs = performance.now();
    const known = new Set((await rows()).map(({ id }) => id));
    const ended = async () => (await rows()).some(({ id, state }) => !known.has(id) && state === 'completed');
    await expect.poll(ended, SOON).toBe(true);
    // A statement may take 30 s.
    expect(performance.now() - brokenMs).toBeLessThan(25_000);
    await untilAccepted(load, 20);
    await expectEachRanOnce(await load.stop());
    await untilAllReady();
  }, 180_000);
});

async function untilAccepted(load: SteadyLoad, count: number): Promise<void> {
  const goal = load.accepted + count;
  await expect.poll(() => load.accepted, SOON).toBeGreaterThanOrEqual(goal);
}

async function giveBackConnections(): Promise<void> {
  await Promise.all(taken.splice(0).map((client) => client.end()));
}

/** Until PostgreSQL has no more to give. */
async function takeAllConnections(): Promise<void> {
  for (;;) {
    const client = await postgres.server.connect().catch(() => null);
    if (client === null) return;
    taken.push(client);
  }
}

async function untilSomebodyWaits(): Promise<void> {
  const sql = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'hydra coord%'";
  await expect.poll(async () => (await postgres.database.pool.query(sql)).rowCount, SOON).toBeGreaterThan(0);
}
