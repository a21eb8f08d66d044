import { once, setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '../src/db/migrate.ts';
import { installAudit, readHistory } from './audit.ts';
import { BusyWatch } from './busy-watch.ts';
import { check } from './checker.ts';
import { Client } from './client.ts';
import { Cluster } from './cluster.ts';
import type { History } from './events.ts';
import { runFaults, type Tell } from './fault-runner.ts';
import type { World } from './faults/fault.ts';
import { Journal } from './journal.ts';
import { prepareLedger, readLedger } from './ledger.ts';
import type { Plan } from './plan.ts';
import { Ports } from './ports.ts';
import { Postgres } from './postgres.ts';
import { Recovery } from './recovery.ts';
import type { RunReport } from './report.ts';
import type { RunFolder } from './run-folder.ts';
import { Submitter } from './submitter.ts';
import { longestTaskMs } from './task-kinds.ts';

/** Of each worker. More than the workload needs, so that a worker less does not matter. */
const SLOTS = 24;
/** What everything may take beyond what it is known to take. */
const PATIENCE_MS = 60_000;
const POLL_MS = 100;

const LEFT = /* sql */ `SELECT count(*)::int AS count FROM tasks WHERE state IN ('scheduled', 'picked', 'running')`;

/** Does what a plan says to a new cluster, and judges what came of it. Leaves logs and records in the folder. */
export async function run(plan: Plan, folder: RunFolder, signal: AbortSignal, tell: Tell): Promise<RunReport> {
  const { durationMs, seed } = plan;
  const history = await gather(plan, folder, signal, tell);
  for (const [name, items] of Object.entries<readonly unknown[]>({ ...history })) folder.writeItems(name, items);
  return { seed, durationMs, verdict: check(history) };
}

async function gather(plan: Plan, folder: RunFolder, callOff: AbortSignal, tell: Tell): Promise<History> {
  const over = new AbortController();
  const signal = AbortSignal.any([callOff, over.signal]);
  // All that waits in the run listens.
  setMaxListeners(0, signal);
  signal.throwIfAborted();
  const calledOff = once(signal, 'abort').then(() => signal.throwIfAborted());
  calledOff.catch(() => undefined); // Thrown below, if anybody still waits.
  /** Waits no longer when the run is called off. What it waited for ends with the processes. */
  const unlessCalledOff = async <T>(work: Promise<T>) => (await Promise.race([work, calledOff])) as T;
  const { schedule, shape, workload } = plan;
  const settleMs = 4 * shape.leaseMs + longestTaskMs(shape.leaseMs) + PATIENCE_MS;
  const ledger = { folder: folder.ledger };
  prepareLedger(ledger);
  const exits: string[] = [];
  const ports = new Ports();
  let cluster: Cluster | undefined;
  let busy: BusyWatch | undefined;
  const postgres = new Postgres({
    folder: folder.postgres,
    port: await ports.next(),
    ownDisk: schedule.some(({ kind }) => kind === 'disk-full'),
    onDown: () => cluster?.databaseGone(),
  });
  const journal = await Journal.open(folder.journal);
  try {
    tell('starting');
    await postgres.create();
    await migrate(postgres.url);
    await installAudit(postgres.pool);
    const started = await Cluster.create({
      ...{ shape, ports, slots: SLOTS, folder: folder.logs, databaseUrl: postgres.url },
      onFault: (sentence) => {
        exits.push(sentence);
        tell(sentence);
      },
    });
    cluster = started;
    await unlessCalledOff(started.start());

    const client = new Client(() => started.url, signal, settleMs);
    const submitter = new Submitter({ client, ledger, journal, signal });
    const recovery = new Recovery({ db: postgres.pool, client, submitter, timeoutMs: settleMs, signal });
    const pause = async (ms: number) => {
      if (ms > 0) await delay(ms, undefined, { signal });
    };
    const world: World = { shape, cluster: started, postgres, client, recovery, stopTimeoutMs: settleMs, pause };
    busy = new BusyWatch({ pids: () => [process.pid, ...started.pids], leaseMs: shape.leaseMs, now: Date.now });
    busy.start();
    tell(`started; submitting ${workload.length} tasks`);
    const beganMs = performance.now();
    const [faults] = await unlessCalledOff(
      Promise.all([
        runFaults(schedule, world, beganMs, tell),
        submitter.run(workload, beganMs).then(() => tell('every task was accepted')),
      ]),
    );

    started.heal();
    if (busy.busyMs > 0) tell(`processes had to wait for a processor for ${(busy.busyMs / 1_000).toFixed(0)} s`);
    tell('waiting for every task to end');
    await untilEnded(postgres, settleMs, pause);
    const whileIdle = await started.findOrphans('after the last task had ended');
    tell('stopping');
    await unlessCalledOff(started.stop(settleMs));
    const afterwards = await started.findOrphans('after every process had stopped');
    // Not by way of the pool, which does not wait for long.
    const reader = await postgres.connect();
    const stored = await readHistory(reader);
    await reader.end();
    return {
      planned: submitter.planned,
      accepted: journal.accepted,
      ledger: readLedger(ledger),
      ...stored,
      faults: [...faults, ...busy.faults(started.workerIds)],
      orphans: [...whileIdle, ...afterwards],
      exits,
    };
  } finally {
    over.abort();
    busy?.stop();
    await endAll([() => cluster?.kill(), () => postgres.remove(), () => journal.close()]);
  }
}

/** Whatever goes wrong with one, the others are not left running. @throws the first that was thrown. */
async function endAll(ends: readonly (() => Promise<void> | undefined)[]): Promise<void> {
  const faults: unknown[] = [];
  for (const end of ends) await end()?.catch((error: unknown) => faults.push(error));
  if (faults.length > 0) throw faults[0];
}

/** Returns when no task is left, or when those that are have had time enough. */
async function untilEnded(postgres: Postgres, timeoutMs: number, pause: (ms: number) => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline;) {
    const left = await postgres.pool.query<{ count: number }>(LEFT).catch(() => null);
    if (left?.rows[0]?.count === 0) return;
    await pause(POLL_MS);
  }
}
