// What is measured: PostgreSQL, coordinators and schedulers, as real processes with their default settings.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { EmbeddedPostgres } from '../../dist/cli/embedded-postgres.js';
import { freePort } from '../../dist/cli/free-port.js';
import { migrate } from '../../dist/db/migrate.js';
import { cpuOfFamily } from './usage.mjs';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A process of Hydra that is ready; `details` are what it says of itself. */
async function startPart(part, env, nodeArgs = []) {
  const child = spawn(process.execPath, [...nodeArgs, MAIN, part], {
    env: { PATH: process.env.PATH, HYDRA_LOG_LEVEL: 'error', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const { details } = await Promise.race([
    new Promise((resolve) => child.once('message', resolve)),
    exited.then((code) => {
      throw new Error(`the ${part} ended with ${code}`);
    }),
  ]);
  const end = async (signal) => {
    child.kill(signal);
    await exited;
  };
  return { pid: child.pid, details, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** An embedded PostgreSQL with the settings of `hydra up`, and a database for each thing that is measured. */
export class Stack {
  #folder = mkdtempSync(join(tmpdir(), 'hydra-bench-'));
  #parts = new Set();
  #postgres;
  #admin;
  #databases = 0;

  /** @param {string | null} profiles folder for processor profiles of coordinators */
  constructor(profiles) {
    this.profiles = profiles;
    // As root PostgreSQL runs as another user, which must get through.
    chmodSync(this.#folder, 0o711);
  }

  async start() {
    this.#postgres = new EmbeddedPostgres({ folder: this.#folder });
    await this.#postgres.start();
    await migrate(this.#postgres.url);
    this.#admin = new pg.Client({ connectionString: this.#url('postgres') });
    await this.#admin.connect();
    const [pid] = readFileSync(join(this.#postgres.folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    this.postgresPid = Number(pid);
  }

  /** A new one, migrated and empty. */
  async database() {
    const name = `bench_${++this.#databases}`;
    await this.#admin.query(`CREATE DATABASE ${name} TEMPLATE hydra`);
    const pool = new pg.Pool({ connectionString: this.#url(name), max: 2 });
    // Connections that are being closed when their database is dropped.
    pool.on('error', () => undefined);
    const drop = async () => {
      await pool.end();
      await this.#admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    };
    return { name, pool, url: this.#url(name), drop };
  }

  /** Statements that PostgreSQL has run in a database, those of this process excepted: they run in another one. */
  async statements(name) {
    const { rows } = await this.#admin.query(
      'SELECT (xact_commit + xact_rollback)::float8 AS count FROM pg_stat_database WHERE datname = $1',
      [name],
    );
    return rows[0].count;
  }

  postgresCpu() {
    return cpuOfFamily(this.postgresPid);
  }

  /** `port`: instead of a free one. */
  async coordinator(url, port) {
    const healthPort = await freePort();
    const env = { DATABASE_URL: url, HYDRA_GRPC_PORT: String(port ?? 0), HYDRA_HEALTH_PORT: String(healthPort) };
    const nodeArgs = this.profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.profiles}`];
    const part = this.#keep(await startPart('coordinator', env, nodeArgs));
    return { ...part, address: part.details.address, metric: (name) => metric(healthPort, name) };
  }

  async scheduler(url) {
    const part = this.#keep(await startPart('scheduler', { DATABASE_URL: url, HYDRA_HTTP_PORT: '0' }));
    return { ...part, url: part.details.url };
  }

  async stop() {
    await Promise.all([...this.#parts].map((part) => part.kill()));
    await this.#admin?.end();
    await this.#postgres?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #keep(part) {
    this.#parts.add(part);
    const gone = (end) => async () => {
      this.#parts.delete(part);
      await end();
    };
    return { ...part, stop: gone(part.stop), kill: gone(part.kill) };
  }

  #url(database) {
    const url = new URL(this.#postgres.url);
    url.pathname = `/${database}`;
    return url.href;
  }
}

/** A number of `/metrics`. */
async function metric(port, name) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.slice(name.length + 1));
}
