import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { Guardian, type GuardianOptions } from '../../../../src/worker/guardian/guardian.ts';
import { findByCommand, untilGone } from '../../../support/processes.ts';

/** A guardian in this process, and what it logged. */
export interface Guarded {
  readonly guardian: Guardian;
  readonly logged: { readonly level: number; readonly msg: string }[];
}

/** A guardian that is started; it is stopped when the test is over. */
export async function startGuardian(options: Partial<GuardianOptions> = {}): Promise<Guarded> {
  const logged: Guarded['logged'] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line) as Guarded['logged'][0]) });
  const guardian = new Guardian({ logger, cgroup: null, workerMark: null, ...options });
  await guardian.start();
  onTestFinished(() => guardian.stop());
  return { guardian, logged };
}

export interface StartOptions {
  readonly allowBackground?: boolean;
  /** Words before `sh -c`. */
  readonly outer?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A command that the guardian was told of. */
export async function startCommand(
  guardian: Guardian,
  key: string,
  script: string,
  { allowBackground = false, outer = [], environment = {} }: StartOptions = {},
): Promise<ChildProcess & { readonly pid: number }> {
  const argv = [...(await guardian.prefix(key, {})), ...outer, '/bin/sh', '-c', script];
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...environment, ...guardian.environment(key, allowBackground) },
  });
  const { pid } = child;
  if (pid === undefined) throw (await once(child, 'error'))[0] as Error;
  guardian.begin(key, pid);
  return Object.assign(child, { pid });
}

/** Waits until `count` processes are `sleep` for that long. */
export async function untilAsleep(sleep: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  const find = () => findByCommand(sleep).filter(({ command }) => command === `sleep ${sleep} `);
  await expect.poll(() => (pids = find().map(({ pid }) => pid)).length, { timeout: 20_000, interval: 5 }).toBe(count);
  return pids;
}

/** Kills, when the test is over, what has `text` in its arguments and is still there; to be called before it is. */
export function cleanUp(text: string): void {
  onTestFinished(async () => {
    for (const { pid } of findByCommand(text)) process.kill(pid, 'SIGKILL');
    await untilGone(() => findByCommand(text));
  });
}

/** The companions of a process. */
export function companionsOf(worker: number): number[] {
  return findByCommand('/worker/guardian/main.js')
    .map(({ pid }) => pid)
    .filter((pid) => parentOf(pid) === worker);
}

function parentOf(pid: number): number {
  try {
    return Number(/\) . (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]);
  } catch {
    return 0;
  }
}

/** Letter for the state of a process; '' when there is none. */
export function stateOf(pid: number): string {
  try {
    return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Whether a process has ended, be it that nobody has waited for it yet. */
export function hasEnded(pid: number): boolean {
  return ['', 'Z', 'X'].includes(stateOf(pid));
}

export const isRoot = process.getuid?.() === 0;
export const hasProc = readdirSync('/').includes('proc') && process.platform === 'linux';
