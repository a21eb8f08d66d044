import { randomUUID } from 'node:crypto';
import { onTestFailed } from 'vitest';
import type { TestDatabase } from './database.ts';
import { HydraProcess, type Exit } from './hydra-process.ts';
import { findMarked, untilGone } from './processes.ts';

export interface TestClusterOptions {
  readonly database: TestDatabase;
  /** One, unless said otherwise. */
  readonly coordinators?: number;
  /** Two, unless said otherwise. */
  readonly workers?: number;
  /** Of each worker; four, unless said otherwise. */
  readonly slots?: number;
  /** For every process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of the cluster that is ready. */
export interface Handle {
  readonly process: HydraProcess;
  /** What it said about itself: `url` of a scheduler, `address` of a coordinator, `workerId` of a worker. */
  readonly details: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string>>;

/** How long a process may take to stop by itself: longer than any command of a test runs. */
const STOP_TIMEOUT_MS = 40_000;
/** How long what was started by a process may outlive it. */
const LINGER_MS = 5_000;
/** Lines of each log that are printed when a test fails. */
const TAIL_LINES = 150;

/**
 * A cluster of real processes. Its ports are free ones, its logs are printed when the test fails, and `stop` fails the
 * test on anything that is left over.
 */
export class TestCluster {
  readonly coordinators: Handle[] = [];
  readonly workers: Handle[] = [];
  /** Everything that is started on behalf of this cluster carries it in its environment, commands included. */
  readonly marker = { CLUSTER_UNDER_TEST: randomUUID() };
  readonly #options: TestClusterOptions;
  readonly #processes: HydraProcess[] = [];
  readonly #killed = new Set<HydraProcess>();
  #scheduler: Handle | undefined;
  #names = 0;

  constructor(options: TestClusterOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { coordinators = 1, workers = 2 } = this.#options;
    await Promise.all([this.startScheduler(), ...repeat(coordinators, () => this.startCoordinator())]);
    await Promise.all(repeat(workers, () => this.startWorker()));
  }

  get scheduler(): Handle {
    if (this.#scheduler === undefined) throw new Error('the cluster is not started');
    return this.#scheduler;
  }

  /** Such as http://127.0.0.1:41234. */
  get schedulerUrl(): string {
    return this.scheduler.details.url ?? '';
  }

  /** Starts one, which is {@link scheduler} from then on. With `HYDRA_HTTP_PORT` it takes the place of one that is gone. */
  async startScheduler(env: Environment = {}): Promise<Handle> {
    const { url } = this.#options.database;
    this.#scheduler = await this.#launch('scheduler', { HYDRA_HTTP_PORT: '0', DATABASE_URL: url, ...env });
    return this.#scheduler;
  }

  /** Starts one more. With `HYDRA_GRPC_PORT` it takes the place of one that is gone. */
  async startCoordinator(env: Environment = {}): Promise<Handle> {
    const handle = await this.#launch('coordinator', {
      HYDRA_GRPC_PORT: '0',
      DATABASE_URL: this.#options.database.url,
      ...env,
    });
    this.coordinators.push(handle);
    return handle;
  }

  /** Starts one more, which knows the coordinators that there are now. */
  async startWorker(env: Environment = {}): Promise<Handle> {
    const addresses = this.coordinators.map(({ details }) => details.address ?? '');
    // Each begins with another one, so that they spread.
    const first = this.workers.length + this.#names;
    const coordinators = addresses.map((_, index) => addresses[(first + index) % addresses.length]).join(',');
    const handle = await this.#launch('worker', {
      HYDRA_COORDINATORS: coordinators,
      HYDRA_SLOTS: String(this.#options.slots ?? 4),
      HYDRA_PASS_ENV: Object.keys(this.marker).join(','),
      ...env,
    });
    this.workers.push(handle);
    return handle;
  }

  /** Ends a process and waits until it has ended. One that is killed need not leave things tidy. */
  async kill(handle: Handle, signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<Exit> {
    if (signal === 'SIGKILL') this.#killed.add(handle.process);
    return handle.process.end(signal);
  }

  /**
   * Stops workers, coordinators and the scheduler, in this order.
   * @throws Error on a process that does not end, ends with another status than 0, or leaves anything behind: a process
   * or a connection to the database.
   */
  async stop(): Promise<void> {
    const faults: string[] = [];
    for (const part of ['worker', 'coordinator', 'scheduler']) {
      const processes = this.#processes.filter((process) => process.name.startsWith(part));
      faults.push(...(await Promise.all(processes.map((process) => this.#stop(process)))).flat());
    }
    await untilGone(() => findMarked(this.marker.CLUSTER_UNDER_TEST), LINGER_MS).catch((error: unknown) =>
      faults.push(String(error)),
    );
    const leaked = await this.#options.database.leaked();
    if (leaked !== undefined) faults.push(`connections are left over: ${leaked}`);
    if (faults.length === 0) return;
    this.printLogs();
    throw new Error(`the cluster did not stop cleanly:\n${faults.join('\n')}`);
  }

  printLogs(): void {
    for (const { name, pid, output } of this.#processes) {
      console.log(`--- ${name} (pid ${pid})\n${output.split('\n').slice(-TAIL_LINES).join('\n')}`);
    }
  }

  async #stop(process: HydraProcess): Promise<string[]> {
    if (this.#killed.has(process)) return [];
    process.signal('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, STOP_TIMEOUT_MS, undefined)));
    const exit = await Promise.race([process.exited, timeout]);
    clearTimeout(timer);
    if (exit === undefined) {
      await process.end('SIGKILL');
      return [`${process.name} did not stop within ${STOP_TIMEOUT_MS / 1000} s`];
    }
    return exit.code === 0 ? [] : [`${process.name} ended with ${exit.signal ?? `status ${exit.code}`}`];
  }

  async #launch(part: 'scheduler' | 'coordinator' | 'worker', env: Environment): Promise<Handle> {
    const name = `${part}-${++this.#names}`;
    const process = new HydraProcess(name, [part], { ...this.marker, ...this.#options.env, ...env });
    this.#processes.push(process);
    return { process, details: await process.ready };
  }
}

/** Starts a cluster and returns when every process of it is ready. */
export async function startCluster(options: TestClusterOptions): Promise<TestCluster> {
  const cluster = new TestCluster(options);
  try {
    // Only a test can be asked for it; a hook that fails prints nothing but its error.
    onTestFailed(() => cluster.printLogs());
  } catch {
    // Started in a hook.
  }
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop().catch(() => undefined);
    throw error;
  }
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
