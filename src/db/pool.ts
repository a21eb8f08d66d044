import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { isToBeRepeated, isTooManyConnections, noteUnsent, spoilsOthers } from './connection-fate.ts';
import { LinkWatch } from './link-watch.ts';
import { KEEPALIVES, sessionOptions } from './session-settings.ts';
import { databaseFault, needsOperator } from './unavailable.ts';
import { withClient } from './with-client.ts';

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
  /** Told, at most once a minute, of a fault that somebody has to mend, such as a wrong password. */
  readonly onOperatorFault: (fault: string, error: unknown) => void;
  /** Told that a connection was found to be dead; others that go the same way may be, too. */
  readonly onDeadConnection?: () => void;
  /** Longest that a statement may run; PostgreSQL cancels it then. Without it: longer than any does when all is well. */
  readonly statementTimeoutMs?: number;
}

/** How long to wait for a free or new connection before the caller is told that PostgreSQL is unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** How much later than PostgreSQL we give up: by then it should have said that it cancelled the statement. */
const ANSWER_MARGIN_MS = 1_000;
/**
 * Longest that a transaction may wait for its next statement. A client that is cut off in the middle of one would hold
 * its locks until TCP gives up, and what it has locked could not be cancelled, renewed or taken back.
 */
const IDLE_TRANSACTION_MS = 5_000;
/** Silence after which TCP asks whether the other side is still there. */
const KEEPALIVE_MS = 5_000;
/** Pause before the next try, give or take a half: for a free connection, and of what was rolled back. */
const RETRY_MS = 100;
/** How often a statement is sent that PostgreSQL rolls back because of others. */
const MAX_TRIES = 3;
const TELL_OPERATOR_MS = 60_000;

/*
 * Every statement is short: compiling one takes longer than running it, and a plan that was made for a small table and
 * kept reads all of a large one.
 */
const SETTINGS = { timezone: 'UTC', jit: 'off', plan_cache_mode: 'force_custom_plan', ...KEEPALIVES };

/**
 * A pool of connections to PostgreSQL. None that is broken, dead or read-only stays in it; one that a statement failed
 * on without harm does, and serves others when PostgreSQL has too many to give another. A single statement that was
 * rolled back because of others is sent again. Timestamps are UTC.
 */
export function createPool(options: PoolOptions): pg.Pool {
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS, url } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: options.size,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    query_timeout: statementTimeoutMs + ANSWER_MARGIN_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    options: sessionOptions(SETTINGS),
  });
  pool.on('error', (error: Error & { client?: unknown }) => {
    // The pool adds all that it knows of the connection, secrets included, and errors are logged.
    delete error.client;
    options.onIdleError(error);
  });
  const idle = trackIdle(pool);
  const noteFault = tellOperator(options.onOperatorFault);
  const discardIdle = () => {
    for (const client of idle) client.connection.stream.destroy(new Error('the connection is probably dead, too'));
  };
  const links = new LinkWatch({
    url,
    applicationName: `${options.applicationName} asks`,
    onDead: () => {
      discardIdle();
      options.onDeadConnection?.();
    },
  });

  pool.on('connect', (client) => {
    // It may break before whoever waits for it has it; without a listener that would end the process. Whatever is sent
    // down it then fails, and the pool does not take it back.
    client.on('error', () => undefined);
    const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const sendWatched = async (...args: unknown[]) => {
      links.began(client);
      try {
        return await send(...args);
      } catch (error) {
        noteFault(error);
        if (spoilsOthers(error)) discardIdle();
        throw error;
      } finally {
        links.ended(client);
      }
    };
    client.query = sendWatched as typeof client.query;
  });
  return withPatience(pool, noteFault);
}

/** The connections that nobody uses at the moment. */
function trackIdle(pool: pg.Pool): ReadonlySet<pg.PoolClient> {
  const idle = new Set<pg.PoolClient>();
  pool.on('acquire', (client) => idle.delete(client));
  pool.on('release', (_error, client) => idle.add(client));
  pool.on('remove', (client) => idle.delete(client));
  return idle;
}

/** Adds waiting where it helps, to the two ways of using a pool. */
function withPatience(pool: pg.Pool, noteFault: (error: unknown) => void): pg.Pool {
  const connect = pool.connect.bind(pool);
  pool.connect = (async () => {
    for (const deadline = performance.now() + CONNECT_TIMEOUT_MS; ;) {
      try {
        return await connect();
      } catch (error) {
        noteUnsent(error);
        noteFault(error);
        // Those there are become free one after the other.
        const others = pool.totalCount > 0;
        if (!isTooManyConnections(error) || !others || performance.now() > deadline) throw error;
        await delay(RETRY_MS * (0.5 + Math.random()));
      }
    }
  }) as typeof pool.connect;
  pool.query = (async (...args: [string, unknown[]]) => {
    for (let tries = 1; ; tries++) {
      try {
        return await withClient(pool, (client) => client.query(...args));
      } catch (error) {
        if (tries === MAX_TRIES || !isToBeRepeated(error)) throw error;
        await delay(RETRY_MS * (0.5 + Math.random()));
      }
    }
  }) as typeof pool.query;
  return pool;
}

/** Tells of faults that somebody has to mend, and not too often. */
function tellOperator(tell: PoolOptions['onOperatorFault']): (error: unknown) => void {
  let nextMs = -Infinity;
  return (error) => {
    if (!needsOperator(error) || performance.now() < nextMs) return;
    nextMs = performance.now() + TELL_OPERATOR_MS;
    tell(databaseFault(error), error);
  };
}
