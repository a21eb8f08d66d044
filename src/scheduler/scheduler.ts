import type pg from 'pg';
import { createPool } from '../db/pool.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { buildApp } from './app.ts';
import type { SchedulerConfig } from './config.ts';
import { buildServices, type App, type Services } from './services.ts';

/** How long requests under way may take when it stops, before their connections are cut. */
const STOP_GRACE_MS = 8_000;

/** Somebody waits for each statement. None takes nearly as long when all is well. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** Listening on every address includes these. */
const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** The public REST API as a service. Starts and runs whether or not PostgreSQL is there. */
export class Scheduler implements Service {
  readonly #config: SchedulerConfig;
  readonly #logger: Logger;
  readonly #pool: pg.Pool;
  readonly #services: Services;
  #app: App | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: SchedulerConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
    this.#pool = createPool({
      url: config.databaseUrl,
      size: config.dbPoolSize,
      applicationName: 'hydra scheduler',
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      onIdleError: (error) => logger.warn({ err: error }, 'lost an idle connection to PostgreSQL'),
      onOperatorFault: (fault, error) => logger.error({ err: error }, `PostgreSQL cannot be used: ${fault}`),
    });
    this.#services = buildServices(this.#pool, logger);
  }

  /** Where this machine reaches it, such as `http://127.0.0.1:5000`; empty unless it runs. */
  get url(): string {
    const bound = this.#app?.server.address();
    if (bound === null || bound === undefined || typeof bound === 'string') return '';
    const address = EVERY_ADDRESS[bound.address] ?? bound.address;
    return `http://${address.includes(':') ? `[${address}]` : address}:${bound.port}`;
  }

  /** Throws when the address is taken. */
  async start(): Promise<void> {
    const { httpHost: host, httpPort: port, allowedHosts } = this.#config;
    this.#app = await buildApp(this.#services, { logger: this.#logger, allowedHosts });
    await this.#app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const cut = setTimeout(() => {
      this.#logger.warn('requests under way took too long; their connections are cut');
      this.#app?.server.closeAllConnections();
    }, STOP_GRACE_MS);
    try {
      await this.#app?.close();
      await this.#services.batcher.stop();
      await this.#services.announcer.stop();
    } finally {
      clearTimeout(cut);
      await this.#pool.end();
    }
  }
}
