import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Link } from '../../../chaos/link.ts';
import { Ports } from '../../../chaos/ports.ts';
import { Postgres } from '../../../chaos/postgres.ts';
import { migrate } from '../../../src/db/migrate.ts';
import type { TestDatabase } from '../../support/database.ts';
import { linkTo } from '../../support/link-to.ts';

/** A PostgreSQL that one test has for itself, so that it can be stopped, and the way to it, so that it can be broken. */
export interface OwnPostgres {
  readonly server: Postgres;
  readonly link: Link;
  /** What a cluster connects to, by way of the link. The pool does not go that way. */
  readonly database: TestDatabase;
}

const OTHERS_SQL = /* sql */ `
  SELECT string_agg(DISTINCT application_name || ': ' || query, E'\n') AS who FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND application_name LIKE 'hydra %' AND application_name <> 'hydra chaos'
`;
const LEAVE_TIMEOUT_MS = 5_000;
const ports = new Ports();

/** Makes one, migrated and otherwise empty. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'hydra-own-'));
  let link: Link | undefined;
  const options = { folder, port: await ports.next(), ownDisk: false, onDown: () => link?.targetGone() };
  const server = new Postgres(options);
  try {
    await server.create();
    await migrate(server.url);
    const linked = await linkTo(server.url);
    link = linked.link;
    const close = async () => {
      linked.link.close();
      await server.remove();
    };
    const database = { url: linked.url, pool: server.pool, leaked: () => whoIsLeft(server), close };
    return { server, link, database };
  } catch (error) {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Whoever is still connected after a while. */
async function whoIsLeft({ pool }: Postgres): Promise<string | undefined> {
  for (const deadline = performance.now() + LEAVE_TIMEOUT_MS; ;) {
    const { rows } = await pool.query<{ who: string | null }>(OTHERS_SQL);
    const who = rows[0]?.who ?? undefined;
    if (who === undefined || performance.now() > deadline) return who;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
