import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../../runtime/config.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Service } from '../../runtime/service.ts';
import { waitAndMigrate } from '../wait-and-migrate.ts';
import { Child } from './child.ts';
import type { UpConfig } from './config.ts';
import { SupervisedPostgres } from './database.ts';
import { coordinatorEnvironment, schedulerEnvironment, workerEnvironment } from './environment.ts';
import type { LogStream } from './log-stream.ts';
import { claimPort, dialable } from './ports.ts';

export interface ClusterOptions {
  readonly config: UpConfig;
  readonly env: Environment;
  readonly logs: LogStream;
  readonly logger: Logger;
}

/** What a person wants to know about a cluster that runs. */
export interface ClusterDetails {
  readonly restUrl: string;
  readonly grpcAddress: string;
  readonly workers: number;
  readonly slots: number;
  /** `null`: PostgreSQL is not ours. */
  readonly dataFolder: string | null;
}

/** How long a PostgreSQL that is not ours may take to answer. */
const DATABASE_WAIT_MS = 30_000;
/** How long commands that are forced to end have from their stop signal to their being killed. */
const HAND_BACK_MS = 2_000;
/** How long processes that are forced to end may take for it. */
const FORCE_MS = 2_000;

/** A whole cluster on one machine. */
export class Cluster implements Service {
  readonly #options: ClusterOptions;
  readonly #abort = new AbortController();
  /**
   * Of the workers' names, which are new with every start of the cluster and of a worker: the name of one that was
   * killed is taken until its lease ends.
   */
  readonly #workerPrefix = `${hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64)}-${randomBytes(3).toString('hex')}`;
  #postgres: SupervisedPostgres | undefined;
  #servers: Child[] = [];
  #workers: Child[] = [];
  #details: ClusterDetails | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Known once started. */
  get details(): ClusterDetails | undefined {
    return this.#details;
  }

  /** @throws CliError, or what PostgreSQL says. */
  async start(): Promise<void> {
    this.#starting = this.#start(this.#abort.signal);
    try {
      await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Workers first, for as long as their commands run: what records the results must still be there. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  /**
   * Ends everything within seconds, commands included. Nothing that was committed is lost, and tasks whose commands are
   * stopped in time go back to their queues at once.
   */
  async force(): Promise<void> {
    this.#abort.abort();
    // For a worker that stops already, one signal means to hand back what it runs, and the next to kill it. They are
    // of other kinds than the one before, since two of one kind that come at once are delivered as one.
    await endWithin(HAND_BACK_MS, this.#workers, 'SIGINT');
    await endWithin(FORCE_MS, this.#workers, 'SIGTERM');
    await endWithin(FORCE_MS, this.#servers, 'SIGINT');
    await Promise.all([...this.#workers, ...this.#servers].map((child) => child.end('SIGKILL')));
    await this.#postgres?.kill();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { config, env, logs, logger } = this.#options;
    const http = await claimPort(config.http, '--http-port');
    const grpc = await claimPort(config.grpc, '--grpc-port');
    signal.throwIfAborted();
    const url = config.databaseUrl ?? (await this.#startPostgres());
    signal.throwIfAborted();
    const applied = await waitAndMigrate({ url, logger, waitMs: DATABASE_WAIT_MS, signal });
    if (applied.length > 0) logger.info({ migrations: applied }, 'migrated the database');
    signal.throwIfAborted();

    const ports = { HYDRA_HTTP_PORT: String(http.port), HYDRA_GRPC_PORT: String(grpc.port) };
    const common = { logs, logger, mayLeave: false };
    const schedulerEnv = { ...schedulerEnvironment(env, url), ...ports };
    const coordinatorEnv = { ...coordinatorEnvironment(env, url), ...ports };
    this.#servers = [
      new Child({ ...common, name: 'scheduler', part: 'scheduler', env: () => schedulerEnv }),
      new Child({ ...common, name: 'coordinator', part: 'coordinator', env: () => coordinatorEnv }),
    ];
    await Promise.all(this.#servers.map((child) => child.start()));
    signal.throwIfAborted();

    this.#workers = Array.from({ length: config.workers }, (_, index) => {
      const name = `worker-${index + 1}`;
      const workerEnv = (start: number) => ({
        ...workerEnvironment(env, {
          grpc: dialable(grpc),
          id: `${this.#workerPrefix}-${name}${start === 1 ? '' : `.${start}`}`,
        }),
        HYDRA_SLOTS: String(config.slots),
      });
      return new Child({ logs, logger, name, part: 'worker', env: workerEnv, mayLeave: true });
    });
    await Promise.all(this.#workers.map((child) => child.start()));
    this.#details = {
      restUrl: `http://${dialable(http)}`,
      grpcAddress: dialable(grpc),
      workers: config.workers,
      slots: config.slots,
      dataFolder: this.#postgres?.folder ?? null,
    };
  }

  async #startPostgres(): Promise<string> {
    const { config, logger } = this.#options;
    logger.info({ folder: config.dataDir }, 'starting PostgreSQL');
    this.#postgres = new SupervisedPostgres(config.dataDir, logger);
    await this.#postgres.start();
    return this.#postgres.url;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#workers.map((child) => child.end('SIGTERM')));
    const [scheduler, coordinator] = this.#servers;
    await coordinator?.end('SIGTERM');
    await scheduler?.end('SIGTERM');
    await this.#postgres?.stop();
    // Nothing of it goes on behind the caller's back; what it threw is for the caller of start.
    await this.#starting?.catch(() => undefined);
  }
}

/** Sends a signal that means to end, and waits for the end, but not longer than `ms`. */
async function endWithin(ms: number, children: readonly Child[], signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
  const gone = Promise.all(children.map((child) => child.end(signal)));
  await Promise.race([gone, delay(ms, undefined, { ref: false })]);
}
