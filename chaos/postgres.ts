import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgres } from '../src/cli/embedded-postgres.ts';
import { dataFolder } from '../src/cli/postgres/data-folder.ts';
import type { Queryable } from '../src/db/pool.ts';
import { childrenOf, trySignal } from './process-list.ts';
import { Tmpfs } from './tmpfs.ts';

export interface PostgresOptions {
  readonly folder: string;
  readonly port: number;
  /** On a disk of its own, which can be full. */
  readonly ownDisk: boolean;
  /** Told when it ends or begins to listen. */
  readonly onDown: () => void;
}

/** Few, so that they can be used up. */
const MAX_CONNECTIONS = 80;
const POOL_SIZE = 6;
/** PostgreSQL may be away or hang for as long as a fault lasts. */
const ANSWER_TIMEOUT_MS = 10_000;
const DISK_MIB = 4_096;
const START_TRIES = 10;
const TRY_AGAIN_MS = 200;
const OWN_NAME = 'hydra chaos';

const TERMINATE = /* sql */ `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND application_name <> $1
`;

/** The PostgreSQL of a run, and what can befall it. The harness itself connects directly, by no link. */
export class Postgres {
  readonly #options: PostgresOptions;
  readonly #disk: Tmpfs | null;
  #server: EmbeddedPostgres | undefined;
  #pool: pg.Pool | undefined;
  #url = '';
  #down = true;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PostgresOptions) {
    this.#options = options;
    this.#disk = options.ownDisk ? new Tmpfs(options.folder) : null;
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return this.#options.port;
  }

  /** Of the harness. Its statements fail while PostgreSQL is away. */
  get pool(): pg.Pool {
    if (this.#pool === undefined) throw new Error('PostgreSQL was never started');
    return this.#pool;
  }

  /** Waits until nobody else does anything to it, so that one fault does not undo another. */
  async alone<T>(what: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(what);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Makes the database and returns once it can be connected to. */
  async create(): Promise<void> {
    this.#disk?.mount(DISK_MIB);
    mkdirSync(this.#options.folder, { recursive: true });
    // As root PostgreSQL runs as another user, which must get through.
    chmodSync(this.#options.folder, 0o711);
    await this.start();
    if (this.#disk !== null && this.#server?.folder !== this.#options.folder) {
      throw new Error(`the user that PostgreSQL runs as cannot reach ${this.#options.folder}; name another --folder`);
    }
    this.#pool = new pg.Pool({
      ...{ connectionString: this.#url, application_name: OWN_NAME, max: POOL_SIZE },
      ...{ connectionTimeoutMillis: ANSWER_TIMEOUT_MS, query_timeout: ANSWER_TIMEOUT_MS },
    });
    this.#pool.on('error', () => undefined);
  }

  /** Starts it again where it was. After a crash its processes may need a moment to be gone. */
  async start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const server = new EmbeddedPostgres({
        folder: this.#options.folder,
        port: this.#options.port,
        settings: { max_connections: String(MAX_CONNECTIONS) },
        onExit: () => {
          this.#down = true;
          this.#options.onDown();
        },
      });
      try {
        await server.start();
        this.#server = server;
        this.#url = server.url;
        this.#down = false;
        return;
      } catch (error) {
        if (tries === START_TRIES) throw error;
        await delay(TRY_AGAIN_MS);
      }
    }
  }

  /** Ends connections and statements, writes a checkpoint, and stops. */
  async stop(): Promise<void> {
    this.#down = true;
    this.#options.onDown();
    await this.#server?.stop();
  }

  /** Kills all its processes at once, as a machine that fails does. */
  async crash(): Promise<void> {
    this.#down = true;
    for (const pid of this.#processes()) trySignal(pid, 'SIGKILL');
    this.#options.onDown();
    await this.#server?.kill();
  }

  /** Starts it if it has ended by itself. */
  async revive(): Promise<void> {
    if (!this.#down) return;
    await this.#server?.kill();
    await this.start();
  }

  /** All its processes hang: connections stay open, and nobody answers. */
  halt(): () => void {
    // The postmaster first, so that it makes no more of them.
    const halted = this.#processes();
    for (const pid of halted) trySignal(pid, 'SIGSTOP');
    return () => {
      for (const pid of halted.toReversed()) trySignal(pid, 'SIGCONT');
    };
  }

  /** Is, or is no more, a server that can only be read, to which everybody must connect anew. */
  async setReadOnly(readOnly: boolean): Promise<void> {
    await this.pool.query(
      readOnly
        ? 'ALTER SYSTEM SET default_transaction_read_only = on'
        : 'ALTER SYSTEM RESET default_transaction_read_only',
    );
    await this.pool.query('SELECT pg_reload_conf()');
    await this.disconnectOthers();
  }

  /** Ends all connections but those of the harness. */
  async disconnectOthers(by: Queryable = this.pool): Promise<void> {
    await by.query(TERMINATE, [OWN_NAME]);
  }

  /** A connection of the harness beside its pool. Rejects when PostgreSQL has none left. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url, application_name: OWN_NAME });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Its disk is full, until the result is called. */
  fillDisk(): () => void {
    if (this.#disk === null) throw new Error('PostgreSQL has no disk of its own');
    this.#disk.fill();
    return () => this.#disk?.empty();
  }

  /** For good, with its data, once nobody does anything to it. */
  async remove(): Promise<void> {
    await this.alone(async () => {
      await this.#pool?.end();
      await this.#server?.kill();
    });
    this.#disk?.unmount();
    for (const folder of [this.#options.folder, this.#server?.folder ?? this.#options.folder]) {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #processes(): number[] {
    const file = join(dataFolder(this.#server?.folder ?? '').cluster, 'postmaster.pid');
    const postmaster = Number(readFileSync(file, 'utf8').split('\n')[0]);
    return [postmaster, ...childrenOf(postmaster).map(({ pid }) => pid)];
  }
}
