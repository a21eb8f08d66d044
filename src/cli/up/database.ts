import type { Logger } from '../../runtime/logger.ts';
import { EmbeddedPostgres } from '../embedded-postgres.ts';

/** How long to wait before it is started again; doubles from the first to the second while it does not start. */
const RESTART_MS = { first: 1_000, most: 10_000 };

/** The embedded PostgreSQL of a cluster: restarted, where it was, when it dies. */
export class SupervisedPostgres {
  readonly #folder: string;
  readonly #logger: Logger;
  #current: EmbeddedPostgres;
  /** The other processes know it. */
  #port: number | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restartMs = RESTART_MS.first;
  #stopping = false;

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
    this.#current = this.#build();
  }

  get url(): string {
    return this.#current.url;
  }

  /** Where the data is. */
  get folder(): string {
    return this.#current.folder;
  }

  async start(): Promise<void> {
    await this.#current.start();
    this.#port = Number(new URL(this.#current.url).port);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.#current.stop();
  }

  async kill(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.#current.kill();
  }

  #build(): EmbeddedPostgres {
    return new EmbeddedPostgres({
      folder: this.#folder,
      ...(this.#port === undefined ? {} : { port: this.#port }),
      onNotice: (text) => this.#logger.warn(text),
      onExit: (how) => this.#onExit(how),
    });
  }

  #onExit(how: string): void {
    if (this.#stopping) return;
    this.#logger.error(`PostgreSQL ${how} unexpectedly; starting it again`);
    this.#restart = setTimeout(() => void this.#startAgain(), this.#restartMs);
    this.#restartMs = Math.min(RESTART_MS.most, 2 * this.#restartMs);
  }

  async #startAgain(): Promise<void> {
    try {
      await this.#current.stop();
      if (this.#stopping) return;
      this.#current = this.#build();
      await this.#current.start();
      this.#restartMs = RESTART_MS.first;
      this.#logger.info('PostgreSQL runs again');
    } catch (error) {
      this.#onExit(`did not start (${(error as Error).message})`);
    }
  }
}
