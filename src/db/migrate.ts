import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from 'pino';
import { MIGRATIONS_FOLDER, MIGRATIONS_TABLE } from './migrations.ts';
import { KEEPALIVES, sessionOptions } from './session-settings.ts';

export interface MigrateOptions {
  readonly logger?: Logger;
  readonly folder?: string;
}

/** Any number that nothing else in the database uses for an advisory lock: "hydra" in ASCII. */
const LOCK_KEY = 0x6879647261;

const CONNECT_TIMEOUT_MS = 5_000;
/** Silence after which TCP asks whether the server is still there: a migration may wait long for a lock. */
const KEEPALIVE_MS = 5_000;
/**
 * Longest that we may take from one statement to the next. Whoever migrates and is halted, or cut off from PostgreSQL,
 * has locked tables that everybody needs.
 */
const IDLE_TRANSACTION_MS = 60_000;

/** The first whose claim query and grammar Hydra is tested with, as server_version_num has it. */
const OLDEST_VERSION = 140_000;

const PREPARE_SQL = /* sql */ `
  SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),
         current_setting('server_version_num')::int AS version
`;
const LOCK_SQL = /* sql */ `SELECT pg_advisory_lock($1)`;

/**
 * Applies what is missing, in one transaction, and returns the names applied. Any number of processes may do this at
 * once: one applies, the others wait for it and then find nothing to do.
 * @throws what `pg` throws, or an Error when PostgreSQL is too old; nothing is half-applied then.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'hydra migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    options: sessionOptions(KEEPALIVES),
  });
  // A connection that breaks also fails the statement in flight, which says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number }>(PREPARE_SQL);
    checkVersion(rows[0]?.version ?? 0);
    // Belongs to the session, so it is given back even if this process is killed.
    await client.query(LOCK_SQL, [LOCK_KEY]);
    const applied = await runner({
      dbClient: client,
      dir: options.folder ?? MIGRATIONS_FOLDER,
      ignorePattern: String.raw`.*(?<!\.sql)`,
      migrationsTable: MIGRATIONS_TABLE,
      direction: 'up',
      singleTransaction: true,
      noLock: true,
      logger: loggerFor(options.logger),
    });
    return applied.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** @throws Error when PostgreSQL is older than Hydra needs. */
export function checkVersion(serverVersion: number): void {
  if (serverVersion >= OLDEST_VERSION) return;
  const found = Math.floor(serverVersion / 10_000);
  throw new Error(`PostgreSQL is version ${found}; Hydra needs ${OLDEST_VERSION / 10_000} or newer`);
}

/** The runner tells each step; what matters to people is the list it returns, and what goes wrong. */
function loggerFor(logger: Logger | undefined) {
  return {
    info: (message: string) => logger?.debug(message),
    warn: (message: string) => logger?.warn(message),
    error: (message: string) => logger?.error(message),
  };
}
