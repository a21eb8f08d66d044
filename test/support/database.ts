import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { createPool } from '../../src/db/pool.ts';

export interface TestDatabase {
  readonly url: string;
  /** For the test's own statements; ended by `close`. */
  readonly pool: pg.Pool;
  /** Waits for everything but `pool` to disconnect; says, after a while, who has not. */
  leaked(): Promise<string | undefined>;
  /** Drops the database. Throws when anything but `pool` is still connected to it, as what was tested leaks then. */
  close(): Promise<void>;
}

const LEAKED_SQL = /* sql */ `
  SELECT string_agg(DISTINCT application_name || ': ' || query, E'\n') AS who
  FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend' AND application_name <> $2
`;

/** Marks the connections of `TestDatabase.pool`. */
const OWN_NAME = 'the test itself';

/** How long a connection that was closed may take to leave PostgreSQL's list. */
const LEAVE_TIMEOUT_MS = 5_000;

/** A database of its own for a test or a file of them. `migrated: false`: without the schema. */
export async function createTestDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = options.migrated === false ? 'template1' : inject('templateDatabase');
  await onServer(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = createPool({
    url: url.href,
    size: 10,
    applicationName: OWN_NAME,
    onIdleError: () => undefined,
    onOperatorFault: () => undefined,
  });
  let closed: Promise<void> | undefined;
  const leaked = () => onServer(serverUrl, (client) => waitUntilLeft(client, name));
  const close = async () => {
    await pool.end();
    const who = await leaked();
    await onServer(serverUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    if (who !== undefined) throw new Error(`connections to the test's database were leaked:\n${who}`);
  };
  return { url: url.href, pool, leaked, close: () => (closed ??= close()) };
}

async function waitUntilLeft(client: pg.Client, name: string): Promise<string | undefined> {
  const deadline = performance.now() + LEAVE_TIMEOUT_MS;
  for (;;) {
    const { rows } = await client.query<{ who: string | null }>(LEAKED_SQL, [name, OWN_NAME]);
    const who = rows[0]?.who ?? undefined;
    if (who === undefined || performance.now() > deadline) return who;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function onServer<T>(serverUrl: string, operation: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return await operation(client);
  } finally {
    await client.end();
  }
}
