import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedPostgres } from '../../src/cli/embedded-postgres.ts';
import { findProcess } from '../../src/cli/process-table.ts';
import { findByCommand, untilGone } from '../support/processes.ts';

const isRoot = process.getuid?.() === 0;

let folder = '';
const servers: EmbeddedPostgres[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-embedded-'));
  // As root PostgreSQL runs as another user, which must get through.
  chmodSync(folder, 0o711);
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.kill()));
  rmSync(folder, { recursive: true, force: true });
});

function build(notices: string[] = [], at = folder): EmbeddedPostgres {
  const server = new EmbeddedPostgres({
    folder: at,
    settings: { fsync: 'off' },
    onNotice: (text) => notices.push(text),
  });
  servers.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

function postmasterPid(): number {
  return Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

test('keeps what was written across restarts', async () => {
  const first = build();
  await first.start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  const second = build();
  await second.start();
  expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([[42]]);
});

test('stop returns once the process is gone, and may be called twice and before start', async () => {
  await build().stop();
  const server = build();
  await server.start();
  const pid = postmasterPid();
  await Promise.all([server.stop(), server.stop()]);
  expect(await findProcess(pid)).toBeUndefined();
  expect(readdirSync(folder).sort()).toEqual(['postgres', 'postgres.password']);
});

test('stopping while the data is being made leaves no process and no half-made data', async () => {
  const server = build();
  const starting = server.start();
  await untilInitdbRuns();
  await server.stop();
  await expect(starting).rejects.toThrow('aborted');
  await untilGone(() => findByCommand(folder));
  await build().start();
});

async function untilInitdbRuns(): Promise<void> {
  while (findByCommand(`initdb --pgdata=${folder}`).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test('listens on 127.0.0.1 only and asks for the password, which only its owner can read', async () => {
  const server = build();
  await server.start();
  const wrong = new URL(server.url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'SELECT')).rejects.toThrow('password authentication failed');
  expect(statSync(join(folder, 'postgres.password')).mode & 0o777).toBe(0o600);
  expect(await query(server.url, 'SHOW listen_addresses')).toEqual([['127.0.0.1']]);
  expect(await query(server.url, 'SHOW unix_socket_directories')).toEqual([['']]);
});

test('a second one on the same folder is told who holds it', async () => {
  await build().start();
  await expect(build().start()).rejects.toThrow(`another hydra (pid ${process.pid}) uses the data folder ${folder}`);
});

test('locks of processes that are gone do not matter, even when another process has the pid', async () => {
  const first = build();
  await first.start();
  await first.stop();
  writeFileSync(join(folder, 'up.pid'), `${process.pid}\nstarted in another life\n`);
  // PostgreSQL alone would refuse to start for a pid of its own user.
  writeFileSync(join(folder, 'postgres', 'postmaster.pid'), `${process.pid}\n${join(folder, 'postgres')}\n`);
  await build().start();
});

test('says what to do about the data of another major version', async () => {
  mkdirSync(join(folder, 'postgres'));
  writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '13\n');
  await expect(build().start()).rejects.toThrow(
    /is of PostgreSQL 13, and the embedded PostgreSQL is \d+; name another/,
  );
});

test('says what to do about a folder that cannot be used', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(build([], join(folder, 'file', 'data')).start()).rejects.toThrow(
    /cannot use the data folder .*: ENOTDIR.*; name another with --data-dir/,
  );
});

test('when it does not start, the error has the reason from its log', async () => {
  const server = new EmbeddedPostgres({ folder, settings: { shared_buffers: '1PB' } });
  await expect(server.start()).rejects.toThrow(/PostgreSQL did not start on port \d+[\s\S]*shared_buffers/);
});

test('tells when it ends without being asked to, and not when it was', async () => {
  const exits: string[] = [];
  const died = new Promise<void>((resolve) => {
    const server = new EmbeddedPostgres({
      folder,
      onExit: (how) => {
        exits.push(how);
        resolve();
      },
    });
    servers.push(server);
    void server.start().then(() => process.kill(postmasterPid(), 'SIGQUIT'));
  });
  await died;
  await servers[0]?.stop();
  expect(exits).toEqual(['exited with 0']);
});

describe.runIf(process.platform === 'linux')('when the owner is killed', () => {
  const built = fileURLToPath(new URL('../../dist/cli/embedded-postgres.js', import.meta.url));
  const OWNER = `
    import { EmbeddedPostgres } from ${JSON.stringify(built)};
    const server = new EmbeddedPostgres({ folder: process.argv[1], settings: { fsync: 'off' } });
    await server.start();
    console.log(server.url);
  `;

  async function startOwner(): Promise<{ url: string; kill: () => Promise<void> }> {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [url] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const kill = async () => {
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    };
    return { url, kill };
  }

  test('PostgreSQL stops, and what was committed is there at the next start', async () => {
    const owner = await startOwner();
    await query(owner.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await owner.kill();
    await untilGone(() => findByCommand(folder));
    const next = build();
    await next.start();
    expect(await query(next.url, 'SELECT answer FROM kept')).toEqual([[42]]);
  });

  test('and the watchdog is killed, too, the next start stops what is left and takes over', async () => {
    const owner = await startOwner();
    const left = postmasterPid();
    for (const { pid } of findByCommand(`hydra-watchdog ${left}`)) process.kill(pid, 'SIGKILL');
    await owner.kill();
    expect(await findProcess(left)).toBeDefined();
    const notices: string[] = [];
    await build(notices).start();
    expect(notices).toContain('stopped a PostgreSQL that was left running on the data');
    expect(await findProcess(left)).toBeUndefined();
  });
});

describe.runIf(isRoot)('as root', () => {
  test('runs as another user', async () => {
    await build().start();
    expect(statSync(`/proc/${postmasterPid()}`).uid).not.toBe(0);
  });

  test('keeps the data elsewhere, and says so, when that user cannot reach the folder', async () => {
    chmodSync(folder, 0o700);
    const notices: string[] = [];
    const first = build(notices);
    await first.start();
    try {
      expect(notices).toEqual([expect.stringContaining(`cannot reach ${folder}; using ${first.folder}`)]);
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(readdirSync(folder)).toEqual([]);
      await query(first.url, 'CREATE TABLE kept ()');
      await first.stop();

      const second = build();
      await second.start();
      expect(second.folder).toBe(first.folder);
      expect(await query(second.url, 'SELECT count(*)::int FROM kept')).toEqual([[0]]);
      await second.stop();
    } finally {
      rmSync(first.folder, { recursive: true, force: true });
    }
  });
});
