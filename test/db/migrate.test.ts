import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkVersion, migrate } from '../../src/db/migrate.ts';
import { listMigrations, MIGRATIONS_FOLDER } from '../../src/db/migrations.ts';
import { readSchemaStatus } from '../../src/db/schema-status.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase({ migrated: false });
  folder = mkdtempSync(join(tmpdir(), 'hydra-migrations-'));
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.close();
});

async function tableExists(name: string): Promise<boolean> {
  const { rows } = await database.pool.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [name]);
  return rows[0]?.found === true;
}

test('eight at once: one applies everything, the others find nothing to do', async () => {
  const all = (await listMigrations(MIGRATIONS_FOLDER)).sort();
  const applied = await Promise.all(Array.from({ length: 8 }, () => migrate(database.url)));
  expect(applied.filter((names) => names.length > 0)).toEqual([all]);
  expect(await tableExists('tasks')).toBe(true);
});

test('a second run applies nothing', async () => {
  await migrate(database.url);
  expect(await migrate(database.url)).toEqual([]);
});

test('a broken migration leaves nothing of itself, nor of those before it in the run', async () => {
  writeFileSync(join(folder, '0001_good.sql'), '-- Up Migration\nCREATE TABLE good ();');
  writeFileSync(
    join(folder, '0002_broken.sql'),
    '-- Up Migration\nCREATE TABLE half ();\nCREATE TABLE tipo (x nonsense);',
  );
  await expect(migrate(database.url, { folder })).rejects.toThrow('type "nonsense" does not exist');
  expect([await tableExists('good'), await tableExists('half')]).toEqual([false, false]);

  writeFileSync(join(folder, '0002_broken.sql'), '-- Up Migration\nCREATE TABLE half ();');
  expect(await migrate(database.url, { folder })).toEqual(['0001_good', '0002_broken']);
});

test('what it has locked is free again when it is halted, or gone without a word', async () => {
  const names = ['idle_in_transaction_session_timeout', 'tcp_keepalives_idle', 'tcp_keepalives_count'];
  const settings = names.map((name) => `current_setting('${name}') AS ${name}`).join(', ');
  writeFileSync(join(folder, '0001_settings.sql'), `-- Up Migration\nCREATE TABLE settings AS SELECT ${settings};`);
  await migrate(database.url, { folder });
  expect((await database.pool.query('SELECT * FROM settings')).rows).toEqual([
    { idle_in_transaction_session_timeout: '1min', tcp_keepalives_idle: '10', tcp_keepalives_count: '3' },
  ]);
});

test('what commands wrote under the first schema is kept', async () => {
  copyFileSync(join(MIGRATIONS_FOLDER, '0001_tasks.sql'), join(folder, '0001_tasks.sql'));
  await migrate(database.url, { folder });
  const ids = ['1', '2', '3', '4'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`);
  for (const id of ids) {
    await database.pool.query(
      `INSERT INTO tasks (id, queue, lane, command, scheduled_at, due_at) VALUES ($1, 'q', 'q', 'true', now(), now())`,
      [id],
    );
  }
  for (const [id, ...output] of [
    [ids[0], 'out', 'e', 3, 1],
    [ids[1], '', 'error', 0, 5],
    [ids[2], 'ou', 'er', 1_000_000_000_000, 2],
    [ids[3], '', '', 7, 8],
  ]) {
    await database.pool.query('INSERT INTO outputs VALUES ($1, 1, $2, $3, $4, $5)', [id, ...output]);
  }
  await migrate(database.url);
  const { rows } = await database.pool.query<Record<string, unknown>>(
    `SELECT task_id, attempt, start_at::float8, convert_from(data, 'UTF8') AS data, segments, stdout_end::float8,
       stderr_end::float8
     FROM output_chunks ORDER BY task_id, start_at`,
  );
  expect(rows.map((row) => Object.values(row))).toEqual([
    [ids[0], 1, 0, 'oute', [3, -1], 3, 1],
    [ids[1], 1, 0, 'error', [-5], 0, 5],
    [ids[2], 1, 0, 'ouer', [2, -2], 2, 2],
    [ids[2], 1, 1_000_000_000_002, '', [], 1_000_000_000_000, 2],
    [ids[3], 1, 15, '', [], 7, 8],
  ]);
});

test('files that are not SQL are left alone', async () => {
  writeFileSync(join(folder, '0001_good.sql'), '-- Up Migration\nCREATE TABLE good ();');
  writeFileSync(join(folder, '0001_good.sql~'), 'left by an editor');
  writeFileSync(join(folder, 'README.md'), 'for people');
  expect(await listMigrations(folder)).toEqual(['0001_good']);
  expect(await migrate(database.url, { folder })).toEqual(['0001_good']);
});

test('the status of the schema names what is missing, from an empty database on', async () => {
  const all = (await listMigrations(MIGRATIONS_FOLDER)).sort();
  expect(await readSchemaStatus(database.pool)).toEqual({ current: false, missing: all });
  await migrate(database.url);
  expect(await readSchemaStatus(database.pool)).toEqual({ current: true, missing: [] });

  await database.pool.query('DELETE FROM hydra_migrations WHERE name = $1', [all[0]]);
  expect(await readSchemaStatus(database.pool)).toEqual({ current: false, missing: [all[0]] });
});

test('a database that is ahead of this version is current, so that processes can be upgraded one by one', async () => {
  await migrate(database.url);
  await database.pool.query("INSERT INTO hydra_migrations (name, run_on) VALUES ('9999_newer', now())");
  expect(await readSchemaStatus(database.pool)).toEqual({ current: true, missing: [] });
  expect(await migrate(database.url)).toEqual([]);
});

test.each([
  [130_014, 'PostgreSQL is version 13; Hydra needs 14 or newer'],
  [90_624, 'PostgreSQL is version 9; Hydra needs 14 or newer'],
])('server version %i is refused', (version, message) => {
  expect(() => checkVersion(version)).toThrow(message);
});

test('server version 140000 is accepted', () => {
  expect(() => checkVersion(140_000)).not.toThrow();
});
