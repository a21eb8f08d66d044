import { afterEach, beforeEach, expect, test } from 'vitest';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import type { Handle } from '../support/cluster.ts';
import { Ledger } from '../support/ledger.ts';
import { allEnded } from '../support/rest-client.ts';
import { SteadyLoad } from './support/steady-load.ts';

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
});
afterEach(() => ledger.remove());
const fixture = clusterForEachTest();

const portOf = (text: string | undefined) => text?.split(':').at(-1) ?? '';

/** Asks it to stop, and waits for an end that is one. */
async function stopped(handle: Handle): Promise<void> {
  expect([handle.process.name, await fixture.cluster.kill(handle, 'SIGTERM')]).toEqual([
    handle.process.name,
    { code: 0, signal: null },
  ]);
}

test('every part is restarted in turn under load: each command runs once, to its end', async () => {
  const cluster = await fixture.start({ coordinators: 2, workers: 3, slots: 6 });
  const load = new SteadyLoad(() => cluster.schedulerUrl, ledger);
  /** Under load for a while, by what has run. */
  const more = async (runs: number) => {
    const wanted = load.runs().length + runs;
    while (load.runs().length < wanted) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await more(20);
  for (const worker of [...cluster.workers]) {
    await stopped(worker);
    await cluster.startWorker({ HYDRA_WORKER_ID: worker.details.workerId! });
    await more(10);
  }
  for (const coordinator of [...cluster.coordinators]) {
    await stopped(coordinator);
    await cluster.startCoordinator({ HYDRA_GRPC_PORT: portOf(coordinator.details.address) });
    await more(10);
  }
  const { scheduler } = cluster;
  await stopped(scheduler);
  await cluster.startScheduler({ HYDRA_HTTP_PORT: portOf(scheduler.details.url) });
  await more(20);

  const ids = await load.stop();
  const tasks = await allEnded(cluster.schedulerUrl, ids);
  // A task that was lost on the way would have failed: they say on_worker_lost.
  expect(tasks.filter(({ state }) => state !== 'completed')).toEqual([]);
  const runs = load.runs();
  expect(runs.filter(({ ended }) => !ended)).toEqual([]);
  expect(runs.map(({ taskId }) => taskId).sort()).toEqual([...ids].sort());
}, 180_000);
