import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import pg from 'pg';
import { EmbeddedPostgres } from '../../src/cli/embedded-postgres.ts';
import { findProcess } from '../../src/cli/process-table.ts';
import { migrate } from '../../src/db/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's connection to the server of this run. */
    readonly serverUrl: string;
    /** The database that createTestDatabase copies: migrated and otherwise empty. */
    readonly templateDatabase: string;
  }
}

const TEMPLATE_DATABASE = 'hydra_template';

/** The data lives as long as the run, so nothing is written through to the disk. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '400',
  max_wal_size: '4GB',
};

const PREFIX = 'hydra-test-';

/** The folders of runs that were killed; PostgreSQL has ended by itself. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    try {
      const [pid, started] = readFileSync(join(folder, 'up.pid'), 'utf8').split('\n');
      if ((await findProcess(Number(pid)))?.started !== started) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Just being made, or somebody else's.
    }
  }
}

/** One PostgreSQL for the run; ends with this process, however that ends. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned();
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  // As root PostgreSQL runs as another user, which must get through.
  chmodSync(folder, 0o711);
  const server = new EmbeddedPostgres({ folder, settings: FAST });
  const teardown = async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.start();
    const template = new URL(server.url);
    template.pathname = `/${TEMPLATE_DATABASE}`;
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
    await client.end();
    await migrate(template.href);
    project.provide('serverUrl', server.url);
    project.provide('templateDatabase', TEMPLATE_DATABASE);
    return teardown;
  } catch (error) {
    await teardown();
    throw error;
  }
}
