import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { freePort } from '../../src/cli/free-port.ts';
import { SteadyLoad } from '../cluster/support/steady-load.ts';
import { createTestDatabase } from '../support/database.ts';
import { HydraProcess } from '../support/hydra-process.ts';
import { Ledger } from '../support/ledger.ts';
import { findByCommand, findMarked, untilGone, type RunningProcess } from '../support/processes.ts';
import { allEnded } from '../support/rest-client.ts';

interface Task {
  readonly state: string;
  readonly exit_code: number | null;
}

let folder = '';
let marker = '';
const started: HydraProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-up-'));
  // As root PostgreSQL runs as another user, which must get through.
  chmodSync(folder, 0o711);
  marker = randomUUID();
});

afterEach(async () => {
  for (const process of started.splice(0)) if (process.running) await process.end('SIGKILL');
  await untilNothingIsLeft();
  rmSync(folder, { recursive: true, force: true });
});

/** What `up` started has the marker in its environment, but for PostgreSQL, which has the folder in its arguments. */
function untilNothingIsLeft(): Promise<void> {
  return untilGone(() => [...findMarked(marker), ...findByCommand(folder)]);
}

function up(args: readonly string[] = [], env: Record<string, string> = {}): HydraProcess {
  const ports = ['--http-port', '0', '--grpc-port', '0'];
  const all = ['up', '--data-dir', join(folder, 'data'), ...ports, ...args];
  // Commands carry the marker, too.
  const marked = { CLUSTER_UNDER_TEST: marker, HYDRA_PASS_ENV: 'CLUSTER_UNDER_TEST' };
  const process = new HydraProcess('up', all, { ...marked, ...env }, { ownGroup: true });
  started.push(process);
  onTestFailed(() => console.log(process.output));
  return process;
}

async function restUrl(process: HydraProcess): Promise<string> {
  return (await process.ready).url ?? '';
}

async function submit(url: string, command: string): Promise<string> {
  const response = await fetch(`${url}/schedule`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ command }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { task_id: string }).task_id;
}

async function getTask(url: string, id: string): Promise<Task> {
  return (await (await fetch(`${url}/schedule/${id}`)).json()) as Task;
}

async function untilState(url: string, id: string, state: string): Promise<Task> {
  for (;;) {
    const task = await getTask(url, id);
    if (task.state === state) return task;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for the process of a part; the newest one when several have come and gone. */
async function processOf(part: string, except: readonly number[] = []): Promise<RunningProcess> {
  for (;;) {
    const found = findMarked(marker).find((p) => p.command.includes(`main.js ${part}`) && !except.includes(p.pid));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('runs commands, stops on Ctrl-C with nothing left, and has the tasks at the next start', async () => {
  const first = up();
  const url = await restUrl(first);
  const id = await submit(url, 'echo hello from hydra');
  expect(await untilState(url, id, 'completed')).toMatchObject({ exit_code: 0 });
  first.interrupt();
  expect(await first.exited).toEqual({ code: 0, signal: null });
  await untilNothingIsLeft();

  const second = up();
  expect(await getTask(await restUrl(second), id)).toMatchObject({ state: 'completed' });
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.runIf(hasCurl)('the commands that it prints work as they stand', async () => {
  const process = up();
  await restUrl(process);
  const pasted = /see what became of it:\n\n([\s\S]*?)\n\n/.exec(process.output)?.[1] ?? '';
  const output = execFileSync('sh', ['-c', pasted], { encoding: 'utf8' });
  expect(output).toContain('"state":"completed"');
  expect(output).toContain('hello from hydra');
});

test('Ctrl-C waits for running commands, and records how they ended', async () => {
  const first = up();
  const url = await restUrl(first);
  const gate = join(folder, 'gate');
  const id = await submit(url, `until [ -e ${gate} ]; do sleep 0.05; done; exit 7`);
  await untilState(url, id, 'running');
  first.interrupt();
  await first.waitForOutput(/waiting for running commands; Ctrl-C again to force/);
  await first.waitForOutput(/worker-\d\): draining/);
  expect(first.running).toBe(true);
  execFileSync('touch', [gate]);
  expect(await first.exited).toEqual({ code: 0, signal: null });

  const second = up();
  expect(await getTask(await restUrl(second), id)).toMatchObject({ state: 'failed', exit_code: 7 });
});

test('Ctrl-C twice kills running commands and ends at once', async () => {
  const process = up();
  const url = await restUrl(process);
  const id = await submit(url, 'sleep 3600');
  await untilState(url, id, 'running');
  process.interrupt();
  await process.waitForOutput(/Ctrl-C again to force/);
  process.interrupt();
  expect(await process.exited).toEqual({ code: 3, signal: null });
  await untilNothingIsLeft();
});

test('Ctrl-C twice hands back what can be stopped, and kills the rest, wherever it went', async () => {
  const first = up();
  const url = await restUrl(first);
  const polite = await submit(url, 'sleep 3600');
  const stubborn = await submit(url, `trap '' TERM INT HUP; setsid sh -c "trap '' TERM; sleep 3601 & sleep 3602"`);
  await untilState(url, polite, 'running');
  await untilState(url, stubborn, 'running');
  first.interrupt();
  await first.waitForOutput(/Ctrl-C again to force/);
  first.interrupt();
  expect(await first.exited).toEqual({ code: 3, signal: null });
  await untilNothingIsLeft();

  const second = up(['--workers', '0']);
  expect(await getTask(await restUrl(second), polite)).toMatchObject({ state: 'scheduled', lost_attempts: 1 });
});

test('Ctrl-C while it starts ends it cleanly', async () => {
  const process = up();
  await process.waitForOutput(/starting PostgreSQL/);
  process.interrupt();
  expect(await process.exited).toEqual({ code: 0, signal: null });
  await untilNothingIsLeft();
});

test('when it is killed, everything that it started ends', async () => {
  const process = up();
  const url = await restUrl(process);
  const pids = findMarked(marker).length;
  expect(pids).toBeGreaterThanOrEqual(5);
  await untilState(url, await submit(url, 'true'), 'completed');
  await process.end('SIGKILL');
  await untilNothingIsLeft();
});

test('a part that dies is replaced', async () => {
  const process = up(['--workers', '1']);
  const url = await restUrl(process);
  for (const part of ['worker', 'coordinator', 'scheduler']) {
    const { pid } = await processOf(part);
    globalThis.process.kill(pid, 'SIGKILL');
    await processOf(part, [pid]);
    const id = await retry(() => submit(url, 'true'));
    await retry(() => untilState(url, id, 'completed'));
  }
});

async function retry<T>(operation: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws when nobody listens
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test('PostgreSQL that is killed under load is replaced, on the same data, and each task runs once', async () => {
  const process = up();
  const url = await restUrl(process);
  const ledger = new Ledger();
  const load = new SteadyLoad(() => url, ledger);
  await expect.poll(() => load.accepted, { timeout: 20_000 }).toBeGreaterThan(20);
  const [postmaster] = readFileSync(join(folder, 'data', 'postgres', 'postmaster.pid'), 'utf8').split('\n');
  globalThis.process.kill(Number(postmaster), 'SIGKILL');
  await process.waitForOutput(/PostgreSQL was ended by SIGKILL unexpectedly; starting it again/);
  await process.waitForOutput(/PostgreSQL runs again/);
  const accepted = load.accepted;
  await expect.poll(() => load.accepted, { timeout: 20_000 }).toBeGreaterThan(accepted + 20);
  const ids = await load.stop();
  const tasks = await allEnded(url, ids);
  expect(tasks.filter(({ lost_attempts, state }) => state !== 'completed' || lost_attempts > 0)).toEqual([]);
  const runs = load.runs();
  expect(runs.filter(({ ended }) => !ended)).toEqual([]);
  expect(runs.map(({ taskId }) => taskId).sort()).toEqual([...ids].sort());
  expect(process.output).not.toMatch(/a process ended unexpectedly/);
  ledger.remove();
});

test('a PostgreSQL that is given is used, and kept from the workers', async () => {
  const database = await createTestDatabase({ migrated: false });
  try {
    const process = up(['--database-url', database.url, '--workers', '1']);
    const url = await restUrl(process);
    const id = await submit(url, 'true');
    await untilState(url, id, 'completed');
    const { rows } = await database.pool.query<{ state: string }>('SELECT state FROM tasks WHERE id = $1', [id]);
    expect(rows).toEqual([{ state: 'completed' }]);
    expect(existsSync(join(folder, 'data'))).toBe(false);

    const { pid } = await processOf('worker');
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(new URL(database.url).password);
    process.interrupt();
    expect(await process.exited).toEqual({ code: 0, signal: null });
  } finally {
    await database.close();
  }
});

test.each([
  ['--http-port', 'HTTP'],
  ['--grpc-port', 'gRPC'],
])('%s that is in use is named before anything is started', async (flag) => {
  const blocker = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
  try {
    const process = up([flag, String(port)]);
    expect(await process.exited).toEqual({ code: 1, signal: null });
    expect(process.output).toBe(
      `hydra: port ${port} of 127.0.0.1 is in use; stop what listens there, or give another port with ${flag}\n`,
    );
    expect(existsSync(join(folder, 'data'))).toBe(false);
  } finally {
    await new Promise((resolve) => blocker.close(resolve));
  }
});

test('names every fault at once, of its own flags and of what the parts read', async () => {
  const process = up(['--http-port', '99999', '--workers', 'many', '--log-format', 'xml'], { HYDRA_LEASE_MS: '1' });
  expect(await process.exited).toEqual({ code: 2, signal: null });
  expect(process.output).toContain('the configuration has 4 faults:');
  expect(process.output).toContain('--http-port is "99999"; give a whole number from 0 to 65535');
  expect(process.output).toContain('--workers is "many"');
  expect(process.output).toContain('--log-format is "xml"; give one of json, pretty');
  expect(process.output).toContain('HYDRA_LEASE_MS is "1"');
});

test('a second one on the same folder is told about the first', async () => {
  const first = up();
  await restUrl(first);
  const second = up();
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.output).toContain(`another hydra (pid ${first.pid}) uses the data folder ${join(folder, 'data')}`);
});

test('one log stream: each line says which process it is from', async () => {
  const process = up(['--log-format', 'json']);
  await restUrl(process);
  process.interrupt();
  await process.exited;
  const lines = process.output.trimEnd().split('\n');
  const names = new Set(lines.map((line) => (JSON.parse(line) as { name: string }).name));
  expect([...names].sort()).toEqual(['coordinator', 'hydra', 'scheduler', 'worker-1', 'worker-2']);
});
