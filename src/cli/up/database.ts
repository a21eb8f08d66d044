import type { Logger } from '../../runtime/logger.ts';
import { EmbeddedPostgres } from '../embedded-postgres.ts';

const RESTART_MS = 1_000;

/** The embedded PostgreSQL of a cluster: restarted, where it was, when it dies. */
export class SupervisedPostgres {
  readonly #folder: string;
  readonly #logger: Logger;
  #current: EmbeddedPostgres;
  #restart: NodeJS.Timeout | undefined;
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

  start(): Promise<void> {
    return this.#current.start();
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

  #build(port?: number): EmbeddedPostgres {
    return new EmbeddedPostgres({
      folder: this.#folder,
      ...(port === undefined ? {} : { port }),
      onNotice: (text) => this.#logger.warn(text),
      onExit: (how) => this.#onExit(how),
    });
  }

  #onExit(how: string): void {
    if (this.#stopping) return;
    this.#logger.error(`PostgreSQL ${how} unexpectedly; starting it again`);
    this.#restart = setTimeout(() => void this.#startAgain(), RESTART_MS);
  }

  /** On the same port, which the other processes know. */
  async #startAgain(): Promise<void> {
    await this.#current.stop();
    if (this.#stopping) return;
    this.#current = this.#build(Number(new URL(this.#current.url).port));
    try {
      await this.#current.start();
      this.#logger.info('PostgreSQL runs again');
    } catch (error) {
      this.#onExit(`did not start (${(error as Error).message})`);
    }
  }
}
