import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LedgerLine } from '../../chaos/events.ts';
import { ledgerCommand, prepareLedger, readLedger, type LedgerPaths } from '../../chaos/ledger.ts';
import { uuid } from './support/truth.ts';

let folder: string;
let paths: LedgerPaths;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-ledger-'));
  // A name that a shell would take apart.
  paths = { folder: join(folder, `it's a "ledger" $HOME`) };
  prepareLedger(paths);
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  rmSync(folder, { recursive: true, force: true });
});

const TASK = uuid(1);

interface Given {
  readonly key?: string;
  readonly attempt?: number;
  readonly stdin?: string;
  readonly shell?: string;
}

/** Begins a command as a worker would, in a group of its own. */
function begin(body: string, { attempt = 1, key = 'k', shell = 'sh', stdin }: Given = {}): ChildProcess {
  const env = { PATH: process.env.PATH, HYDRA_TASK_ID: TASK, HYDRA_ATTEMPT: String(attempt), HYDRA_WORKER_ID: 'w-1' };
  const child = spawn(shell, ['-c', ledgerCommand(paths, key, body)], {
    ...{ cwd: '/', env, detached: true },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(stdin);
  children.push(child);
  return child;
}

interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ChildProcess): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { status, signal, ...texts };
}

const run = (body: string, given: Given = {}) => ended(begin(body, given));

/** Ends everything that a command has started and not moved out of its group. */
async function kill(child: ChildProcess): Promise<void> {
  const exited = child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Gone already.
  }
  await exited;
}

const lines = () => readLedger(paths);
const starts = () => lines().filter((line) => line.kind === 'start');
const ends = () => lines().filter((line) => line.kind === 'end');

/** Waits until `condition` holds; the test's own limit bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const wallNs = () => BigInt(Date.now()) * 1_000_000n;

describe('a command with a ledger', () => {
  test('writes when it starts and when it ends, and exits as its body does', async () => {
    const before = wallNs();
    const child = begin('exit 3', { key: 'task-1', attempt: 2 });
    expect(await ended(child)).toEqual({ status: 3, signal: null, stdout: '', stderr: '' });
    const after = wallNs() + 1_000_000n;
    const common = { key: 'task-1', taskId: TASK, attempt: 2 };
    expect(lines()).toEqual([
      { kind: 'start', ...common, workerId: 'w-1', pid: child.pid, held: true, atNs: expect.any(BigInt) as bigint },
      { kind: 'end', ...common, exitCode: 3, atNs: expect.any(BigInt) as bigint },
    ]);
    const [start, end] = [starts()[0]!.atNs, ends()[0]!.atNs];
    expect([before <= start, start < end, end <= after]).toEqual([true, true, true]);
  });

  test.each([
    ['true', 0],
    ['false', 1],
    ['set -e; false; exit 9', 1],
    ['set -u; : "$missing"', 2],
    ['f() { return 7; }; f', 7],
    ['(exit 5)', 5],
    ['cd /tmp; PATH=/nowhere; IFS=a; exit 4', 4],
    ['trap "exit 6" TERM; kill -TERM $$', 6],
    ['sh -c "kill -KILL \\$\\$"', 137],
    ['# nothing but a remark', 0],
  ])('passes on how its body ended: %s', async (body, status) => {
    expect(await run(body)).toMatchObject({ status, signal: null });
    expect(ends().map(({ exitCode }) => exitCode)).toEqual([status]);
  });

  test('leaves what its body reads and writes alone', async () => {
    const { stderr, stdout } = await run('read a; echo "<$a>$#"; cat; echo oops >&2', { stdin: 'first\nsecond\n' });
    expect({ stderr, stdout }).toEqual({ stdout: '<first>0\nsecond\n', stderr: 'oops\n' });
  });

  test.each(['TERM', 'KILL'])('writes no end when SIG%s ends it', async (signal) => {
    expect(await run(`kill -${signal} $$; sleep 60`)).toMatchObject({ status: null, signal: `SIG${signal}` });
    expect(lines().map(({ kind }) => kind)).toEqual(['start']);
  });

  test('is either stopped or comes to its end, whenever it is told to stop', async () => {
    const outcomes: string[] = [];
    for (let delay = 0; delay < 40; delay++) {
      const child = begin('true', { key: `k${delay}` });
      const timer = setTimeout(() => process.kill(-child.pid!, 'SIGTERM'), delay / 2);
      const { signal, status } = await ended(child);
      clearTimeout(timer);
      const wrote = ends().some(({ key }) => key === `k${delay}`);
      outcomes.push(`${String(status ?? signal)}, ${wrote ? 'with' : 'without'} an end`);
    }
    expect(lines().filter(({ kind }) => kind === 'corrupt')).toEqual([]);
    expect(new Set(outcomes)).toEqual(new Set(['SIGTERM, without an end', '0, with an end']));
  });

  test('does not run its body when the ledger is gone', async () => {
    rmSync(join(paths.folder, 'ledger'));
    expect(await run('echo ran')).toMatchObject({ status: 97, stdout: '' });
    expect(existsSync(join(paths.folder, 'ledger'))).toBe(false);
  });

  test('fails when its end cannot be written', async () => {
    expect(await run(`rm '${paths.folder.replaceAll("'", String.raw`'\''`)}/ledger'`)).toMatchObject({ status: 98 });
  });

  test('knows of another attempt for as long as anything of it lives', async () => {
    // The child has left the session and the group, and its parent has ended.
    expect((await run('setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $!')).status).toBe(0);
    await run('true', { attempt: 2 });
    await run('true', { attempt: 1, key: 'other' });
    const sleeper = await holders();
    expect(sleeper).toHaveLength(1);
    process.kill(sleeper[0]!, 'SIGKILL');
    await untilUnheld();
    await run('true', { attempt: 3 });
    expect(starts().map(({ attempt, held, key }) => [key, attempt, held])).toEqual([
      ['k', 1, true],
      ['k', 2, false],
      ['other', 1, true],
      ['k', 3, true],
    ]);
  });

  test('knows of another attempt while its shell runs', async () => {
    const first = begin('sleep 60');
    await until(() => starts().length === 1);
    await run('true', { attempt: 2 });
    await kill(first);
    await untilUnheld();
    await run('true', { attempt: 3 });
    expect(starts().map(({ held }) => held)).toEqual([true, false, true]);
  });

  test('writes whole lines, whoever else writes', async () => {
    const bodies = Array.from({ length: 50 }, (_, index) => run(`exit ${index}`, { key: `k${index}` }));
    expect((await Promise.all(bodies)).map(({ status }) => status)).toEqual(bodies.map((_, index) => index));
    expect(lines().filter(({ kind }) => kind === 'corrupt')).toEqual([]);
    expect(new Set(starts().map(({ key }) => key)).size).toBe(50);
    expect(new Map(ends().map(({ exitCode, key }) => [key, exitCode]))).toEqual(
      new Map(bodies.map((_, index) => [`k${index}`, index])),
    );
  });

  test.runIf(existsSync('/bin/bash'))('does the same in bash', async () => {
    expect(await run('exit 3', { shell: '/bin/bash' })).toMatchObject({ status: 3, signal: null });
    expect(lines().map(({ kind }) => kind)).toEqual(['start', 'end']);
  });

  test.each(['', 'a b', '../k', 'a/b', "k'"])('refuses the key "%s"', (key) => {
    expect(() => ledgerCommand(paths, key, 'true')).toThrow('plain word');
  });

  test('refuses a folder that depends on where the command runs', () => {
    expect(() => ledgerCommand({ folder: 'ledger' }, 'k', 'true')).toThrow('absolute');
  });
});

/** Which processes hold the lock of the task `k`, as the kernel says. */
async function holders(): Promise<number[]> {
  const script = 'for f in /proc/[0-9]*/fd/9; do [ "$f" -ef "$1" ] && echo "$f"; done; true';
  const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', join(paths.folder, 'locks', 'k')]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('/')[2]));
}

/** A process that was killed gives up what it holds a moment later. */
async function untilUnheld(): Promise<void> {
  while ((await holders()).length > 0);
}

describe('readLedger', () => {
  const write = (text: string) => writeFileSync(join(paths.folder, 'ledger'), text);
  const start = `start k ${TASK} 1 w-1 17 1900000000123456789 held\n`;
  const end = `end k ${TASK} 1 1900000001123456789 0\n`;

  test('reads what it should', () => {
    write(`${start}${start.replace('held', 'taken')}${end}`);
    const common = { key: 'k', taskId: TASK, attempt: 1 };
    const began = { kind: 'start', ...common, workerId: 'w-1', pid: 17, atNs: 1900000000123456789n };
    expect(lines()).toEqual([
      { ...began, held: true },
      { ...began, held: false },
      { kind: 'end', ...common, atNs: 1900000001123456789n, exitCode: 0 },
    ]);
  });

  test.each([
    ['a line that is cut off', start.slice(0, 40) + '\n'],
    ['two halves as one line', start.slice(0, 40) + end],
    ['a field too many', start.replace('held', 'held held')],
    ['a time that was not taken', end.replace('1900000001123456789', '')],
    ['a word that is not known', start.replace('start', 'stop')],
    ['an empty line', '\n'],
  ])('tells of %s', (_, text) => {
    write(start + text + end);
    const corrupt: LedgerLine = { kind: 'corrupt', line: 2, text: text.slice(0, -1) };
    expect(lines()[1]).toEqual(corrupt);
    expect(lines().map(({ kind }) => kind)).toEqual(['start', 'corrupt', 'end']);
  });

  test('tells of a last line without an end', () => {
    write(start + end.slice(0, -1));
    expect(lines()[1]).toEqual({ kind: 'corrupt', line: 2, text: end.slice(0, -1) });
  });

  test('throws when there is no ledger', () => {
    rmSync(join(paths.folder, 'ledger'));
    expect(lines).toThrow('ENOENT');
  });

  test('keeps what is there when it is prepared again', () => {
    appendFileSync(join(paths.folder, 'ledger'), start);
    prepareLedger(paths);
    expect(readFileSync(join(paths.folder, 'ledger'), 'utf8')).toBe(start);
  });
});
