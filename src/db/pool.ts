import pg from 'pg';

/** Anything a statement can be sent to. */
export type Queryable = Pick<pg.Pool, 'query'>;

export interface PoolOptions {
  readonly url: string;
  /** Most connections at once. */
  readonly size: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Told about connections that break while idle; the pool replaces them by itself. */
  readonly onIdleError: (error: Error) => void;
}

/** How long to wait for a free or new connection before the caller is told that PostgreSQL is unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest a statement may run; PostgreSQL cancels it then. Longer than any that Hydra sends when healthy. */
const STATEMENT_TIMEOUT_MS = 30_000;
/**
 * Longest that a transaction may wait for its next statement. A client that is cut off in the middle of one would hold
 * its locks until TCP gives up, and what it has locked could not be cancelled, renewed or taken back.
 */
const IDLE_TRANSACTION_MS = 5_000;

/** A pool whose idle connections may break without ending the process. Timestamps are UTC. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    // The server may be gone without a word; without this a statement would wait for TCP to give up.
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // Every statement is short: compiling one takes longer than running it, and a plan that was made for a small table
    // and kept reads all of a large one.
    options: '-c timezone=UTC -c jit=off -c plan_cache_mode=force_custom_plan',
  });
  pool.on('error', options.onIdleError);
  return pool;
}
