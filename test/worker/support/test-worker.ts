import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Run, RunOptions } from '../../../src/domain/run-options.ts';
import type { Attempt, AttemptRef } from '../../../src/rpc/messages.ts';
import type { Environment } from '../../../src/runtime/config.ts';
import { readWorkerConfig } from '../../../src/worker/config.ts';
import { systemLookup, type Lookup } from '../../../src/worker/coordinator-addresses.ts';
import { ALLOW_ALL } from '../../../src/worker/policy.ts';
import { readPolicy } from '../../../src/worker/read-policy.ts';
import { Worker } from '../../../src/worker/worker.ts';
import { processesGone } from './processes.ts';
import { ScriptedCoordinator, type ScriptedSession, type Terms } from './scripted-coordinator.ts';

export interface TestWorker {
  readonly worker: Worker;
  readonly workerId: string;
  /** Resolves once it has registered. */
  readonly started: Promise<void>;
  /** What it logged, oldest first. */
  readonly logged: { readonly level: number; readonly msg: string }[];
}

/** A worker in this process, started. When the test is over it is killed, and nothing it started may be left. */
export function startWorker(
  coordinators: readonly Pick<ScriptedCoordinator, 'address'>[],
  env: Environment = {},
  lookup: Lookup = systemLookup,
): TestWorker {
  const workerId = `worker-${randomUUID()}`;
  const environment = {
    ...process.env,
    HYDRA_WORKER_ID: workerId,
    HYDRA_COORDINATORS: coordinators.map(({ address }) => address).join(','),
    ...env,
  };
  const logged: TestWorker['logged'] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line) => logged.push(JSON.parse(line) as TestWorker['logged'][0]) },
  );
  const config = readWorkerConfig(environment);
  const policy = config.policyFile === null ? ALLOW_ALL : readPolicy(config.policyFile);
  const worker = new Worker({
    config,
    policy,
    workerMark: null,
    cgroupControllers: [],
    hostname: hostname(),
    environment,
    lookup,
    logger,
  });
  onTestFinished(async () => {
    await worker.kill();
    await processesGone(`HYDRA_WORKER_ID=${workerId}`);
  });
  return { worker, workerId, started: worker.start(), logged };
}

/** A first attempt of a new task. */
export function attemptOf(command: string, options: RunOptions = {}, rest: Partial<Run> = {}): Attempt {
  return {
    ref: { taskId: randomUUID(), attempt: 1 },
    queue: 'default',
    scheduledAtUs: Date.now() * 1_000,
    lateUs: 0,
    run: { command, argv: null, options, secretEnv: {}, hasStdin: false, ...rest },
    totalTimeoutLeftMs: null,
  };
}

export interface Pair extends TestWorker {
  readonly coordinator: ScriptedCoordinator;
  readonly session: ScriptedSession;
}

/** A worker that is registered with a coordinator. */
export async function registeredPair(terms: Terms = {}, env: Environment = {}): Promise<Pair> {
  const coordinator = await ScriptedCoordinator.start();
  const worker = startWorker([coordinator], env);
  const session = await coordinator.session();
  await session.accept(terms);
  await worker.started;
  return { ...worker, coordinator, session };
}

/** The sum of a metric over its labels. */
export async function metric(worker: Worker, name: string): Promise<number> {
  const found = (await worker.registry.getMetricsAsJSON()).find((each) => each.name === name);
  if (!found) throw new Error(`there is no metric ${name}`);
  return found.values.reduce((sum, { value }) => sum + value, 0);
}

/** What is in the environment of each process of an attempt. */
export function markOf(ref: AttemptRef): string {
  return `HYDRA_TASK_ID=${ref.taskId}`;
}

/** An address that refuses connections. */
export async function deadAddress(): Promise<string> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}
