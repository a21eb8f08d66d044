import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../src/cli/free-port.ts';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import type { Handle } from '../support/cluster.ts';
import { HydraProcess } from '../support/hydra-process.ts';
import { Ledger } from '../support/ledger.ts';
import { allEnded, cancelTask, readAttempts, readTask, submitBatch } from '../support/rest-client.ts';

/* How long it takes until what was hit by a kill is served again, from clocks that the commands read themselves. */

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
});
afterEach(() => ledger.remove());
const fixture = clusterForEachTest();

/** A command says that it has begun: which one, its attempt, and when. */
const begun = (name: string) => ledger.append(`${name} $HYDRA_ATTEMPT $(date +%s%N)`);

interface Begun {
  readonly name: string;
  readonly attempt: number;
  readonly atMs: number;
}

function ledgerLines(): Begun[] {
  return ledger.lines().map((line) => {
    const [name = '', attempt, ns] = line.split(' ');
    return { name, attempt: Number(attempt), atMs: Number(ns) / 1e6 };
  });
}

/** Looks again until so many commands have begun; the test's own limit bounds it. */
async function linesInLedger(count: number): Promise<Begun[]> {
  while (ledger.lines().length < count) await pause();
  return ledgerLines();
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

/** Which coordinator each worker is registered with. */
async function homes(): Promise<Map<string, string>> {
  const { rows } = await fixture.database.pool.query<{ id: string; coordinator_id: string }>(
    'SELECT id, coordinator_id FROM workers',
  );
  return new Map(rows.map((row) => [row.id, row.coordinator_id]));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause();
}

/** Kills it without a word, and returns when that was. */
async function killed(handle: Handle): Promise<number> {
  const atMs = performance.timeOrigin + performance.now();
  await fixture.cluster.kill(handle, 'SIGKILL');
  return atMs;
}

const report = (what: string, ms: number, limitMs: number) =>
  console.log(`${what}: ${(ms / 1_000).toFixed(2)} s (at most ${limitMs / 1_000} s)`);

describe('a worker that is killed', () => {
  test.each([
    [15_000, {}],
    [3_000, { HYDRA_LEASE_MS: '3000' }],
  ])('has its tasks run elsewhere within its lease of %s ms and 2 s', async (leaseMs, env: Record<string, string>) => {
    const { schedulerUrl, workers } = await fixture.start({ workers: 1, slots: 4, env });
    const names = ['a', 'b', 'c', 'd'];
    const ids = await submitBatch(
      schedulerUrl,
      names.map((name) => ({ command: `${begun(name)}; [ $HYDRA_ATTEMPT -gt 1 ] || sleep 300` })),
    );
    await linesInLedger(names.length);
    await until(async () => (await Promise.all(ids.map((id) => readTask(schedulerUrl, id)))).every(isRunning));
    const heir = await fixture.cluster.startWorker();

    const killedAtMs = await killed(workers[0]!);
    const again = (await linesInLedger(2 * names.length)).slice(names.length);
    const tookMs = Math.max(...again.map(({ atMs }) => atMs)) - killedAtMs;
    report(
      `the tasks of a killed worker, with a lease of ${leaseMs / 1_000} s, ran again after`,
      tookMs,
      leaseMs + 2_000,
    );
    expect(tookMs).toBeLessThan(leaseMs + 2_000);

    expect(again.map(({ name, attempt }) => `${name} ${attempt}`).sort()).toEqual(names.map((name) => `${name} 2`));
    for (const task of await allEnded(schedulerUrl, ids)) {
      expect(task).toMatchObject({ state: 'completed', attempt: 2, worker_id: heir.details.workerId });
    }
    expect((await readAttempts(schedulerUrl, ids[0]!)).map(({ reason }) => reason)).toEqual(['worker_lost', 'exited']);
  });
});

const isRunning = ({ state }: { readonly state: string }) => state === 'running';

describe('a coordinator that is killed', () => {
  const LIMIT_MS = 3_000;

  test('has its workers served by another within 3 s, and what they run goes on', async () => {
    const { coordinators, schedulerUrl } = await fixture.start({ coordinators: 2, workers: 0 });
    const names = Array.from({ length: 6 }, (_, index) => `w${index}`);
    await Promise.all(
      names.map((name) =>
        fixture.cluster.startWorker({ HYDRA_WORKER_ID: name, HYDRA_LABELS: `name=${name}`, HYDRA_SLOTS: '2' }),
      ),
    );
    const only = (name: string, command: string) => ({ command, labels: { name } });
    const running = await submitBatch(
      schedulerUrl,
      names.map((name) => only(name, `${begun(`long-${name}`)}; sleep 6`)),
    );
    await linesInLedger(names.length);

    const where = await homes();
    const servedBy = ({ details }: Handle) => names.filter((name) => where.get(name) === details.coordinatorId);
    const victim = coordinators.reduce((a, b) => (servedBy(b).length > servedBy(a).length ? b : a));
    const orphans = servedBy(victim);
    expect(orphans.length).toBeGreaterThanOrEqual(3);

    const killedAtMs = await killed(victim);
    const next = await submitBatch(
      schedulerUrl,
      orphans.map((name) => only(name, begun(`next-${name}`))),
    );
    // Each of these can run on one worker only, and that only where it is registered.
    const served = (await linesInLedger(names.length + orphans.length)).slice(names.length);
    const tookMs = Math.max(...served.map(({ atMs }) => atMs)) - killedAtMs;
    report(`${orphans.length} workers of a killed coordinator were served again after`, tookMs, LIMIT_MS);
    expect(tookMs).toBeLessThan(LIMIT_MS);
    const now = await homes();
    for (const name of orphans) expect(now.get(name)).not.toBe(victim.details.coordinatorId);

    const ended = await allEnded(schedulerUrl, [...running, ...next]);
    expect(ended.filter(({ state, attempt }) => state !== 'completed' || attempt !== 1)).toEqual([]);
    expect(new Set(ledgerLines().map(({ name }) => name)).size).toBe(ledgerLines().length);
  });
});

describe('a worker id that is used twice at once', () => {
  test('is refused to the second, which says why, while the first goes on', async () => {
    const { coordinators, schedulerUrl } = await fixture.start({ coordinators: 2, workers: 0 });
    const first = await fixture.cluster.startWorker({ HYDRA_WORKER_ID: 'twin' });
    const [id] = await submitBatch(schedulerUrl, [{ command: `${begun('first')}; sleep 3` }]);
    await linesInLedger(1);

    // At each of the coordinators, whether or not the first one is there.
    const seconds = coordinators.map(
      ({ details }, index) =>
        new HydraProcess(`second-${index}`, ['worker'], {
          ...fixture.cluster.marker,
          HYDRA_WORKER_ID: 'twin',
          HYDRA_COORDINATORS: details.address!,
        }),
    );
    for (const second of seconds) {
      await second.waitForOutput(/another live process uses the worker id twin: give each worker its own/);
      await second.waitForOutput(
        new RegExp(
          `worker_id twin is in use by process ${first.process.pid} on \\S+; give each worker an id of its own`,
        ),
      );
    }
    expect(await allEnded(schedulerUrl, [id!])).toMatchObject([{ state: 'completed', attempt: 1, worker_id: 'twin' }]);
    for (const second of seconds) expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null });
    // Those that were refused have taken nothing from the first.
    const [next] = await submitBatch(schedulerUrl, [{ command: begun('next') }]);
    expect(await allEnded(schedulerUrl, [next!])).toMatchObject([
      { state: 'completed', attempt: 1, worker_id: 'twin' },
    ]);
    expect(ledger.lines()).toHaveLength(2);
  });
});

describe('a coordinator that joins', () => {
  test('gets its share of the workers, and what they run goes on', async () => {
    const env = { HYDRA_LEASE_MS: '2000' };
    const { coordinators, schedulerUrl } = await fixture.start({ workers: 0, env });
    const port = String(await freePort());
    const addresses = `${coordinators[0]!.details.address!},127.0.0.1:${port}`;
    const count = 6;
    await Promise.all(
      Array.from({ length: count }, () =>
        fixture.cluster.startWorker({ HYDRA_COORDINATORS: addresses, HYDRA_SLOTS: '1' }),
      ),
    );
    const ids = await submitBatch(
      schedulerUrl,
      Array.from({ length: count }, (_, index) => ({ command: `${begun(`${index}`)}; sleep 300` })),
    );
    await linesInLedger(count);

    const joined = await fixture.cluster.startCoordinator({ HYDRA_GRPC_PORT: port });
    const began = performance.now();
    // Its share is three; one more or less is not worth moving a worker.
    await until(async () => {
      const where = [...(await homes()).values()];
      return where.filter((home) => home === joined.details.coordinatorId).length >= count / 2 - 1;
    });
    console.log(`a coordinator that joins had its share after ${((performance.now() - began) / 1_000).toFixed(2)} s`);

    const tasks = await Promise.all(ids.map((id) => readTask(schedulerUrl, id)));
    expect(tasks.filter(({ state, attempt }) => state !== 'running' || attempt !== 1)).toEqual([]);
    expect(ledger.lines()).toHaveLength(count);
    for (const id of ids) await cancelTask(schedulerUrl, id);
    const ended = await allEnded(schedulerUrl, ids);
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['cancelled']));
  });
});
