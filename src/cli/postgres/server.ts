import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import type { Binaries } from './binaries.ts';
import { lastLogLines, serverEnvironment, type DataFolder } from './data-folder.ts';
import { asUser, type OsUser } from './os-user.ts';

/** A running PostgreSQL. */
export interface Server {
  /** Resolves, with a sentence that says how, once the process has ended; whether asked to or not. */
  readonly exited: Promise<string>;
  /** Asks it to end: `fast` ends all connections and writes a checkpoint, `immediate` leaves that to the next start. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
}

export interface ServerOptions {
  readonly folder: DataFolder;
  readonly binaries: Binaries;
  readonly user: OsUser | undefined;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  /** Gives up waiting for it to be ready. */
  readonly signal: AbortSignal;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  // Everybody connects over TCP with the password; a socket's path could be too long for the system.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A file for each day of the week, so that logs do not grow for ever.
  logging_collector: 'on',
  log_filename: 'postgres-%a.log',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_truncate_on_rotation: 'on',
} as const;

const START_TIMEOUT_MS = 60_000;
const FAST_STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
/** Seconds between "no new connections" and "end all connections" once the parent is gone. */
const ORPHAN_GRACE_S = 5;

/**
 * Outlives its parent, for as long as it takes to stop PostgreSQL. Its input is a pipe that only the parent holds: a
 * line says that all is well, the end of the pipe without one that the parent was killed.
 */
const WATCHDOG = `
read -r line && exit
kill -TERM "$1"
for second in $(seq ${ORPHAN_GRACE_S}); do sleep 1; kill -0 "$1" || exit; done
kill -INT "$1"
`;

/**
 * Starts PostgreSQL and returns when it accepts connections. It is stopped when this process ends, however that
 * happens, and is in a process group of its own, so that Ctrl-C at the terminal does not reach it.
 * @throws CliError with the log when it does not start.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { folder, binaries, user, port, signal } = options;
  const settings = Object.entries({ ...SETTINGS, ...options.settings, port: String(port) });
  const child = spawn(binaries.postgres, ['-D', folder.cluster, ...settings.flatMap(([k, v]) => ['-c', `${k}=${v}`])], {
    ...asUser(user),
    cwd: folder.cluster,
    env: serverEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be run: ${error.message}`));
    child.once('exit', (code, signal) => resolve(signal === null ? `exited with ${code}` : `was ended by ${signal}`));
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors = (errors + chunk).slice(-10_000)));
  const { pid } = child;
  if (pid === undefined) throw new CliError(`PostgreSQL ${await exited}`);
  const callOff = watch(pid);
  void exited.then(callOff);

  const outcome = await untilReady(join(folder.cluster, 'postmaster.pid'), pid, exited, signal);
  if (outcome !== 'ready') {
    child.kill('SIGQUIT');
    await exited;
    signal.throwIfAborted();
    const log = [errors.trim(), lastLogLines(folder, 20)].filter((text) => text !== '').join('\n');
    throw new CliError(
      `PostgreSQL did not start on port ${port} with the data in ${folder.cluster}: ${outcome}\n${log}`,
    );
  }
  return { exited, stop: (mode) => stop(child, exited, mode) };
}

/** Starts the watchdog; the result calls it off. */
function watch(pid: number): () => void {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'hydra-watchdog', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    detached: true,
  });
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  return () => watchdog.stdin.end('done\n');
}

/** PostgreSQL writes its state to the eighth line of postmaster.pid; `pg_ctl --wait` reads it there, too. */
async function untilReady(pidFile: string, pid: number, exited: Promise<string>, signal: AbortSignal): Promise<string> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && !signal.aborted;) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === pid && lines[7]?.trim() === 'ready') return 'ready';
    const ended = await Promise.race([exited, delay(POLL_MS)]);
    if (ended !== undefined) return ended;
  }
  return `it was not ready after ${START_TIMEOUT_MS / 1000} s`;
}

async function stop(child: ChildProcess, exited: Promise<string>, mode: 'fast' | 'immediate'): Promise<void> {
  child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  const timeout = delay(FAST_STOP_TIMEOUT_MS, 'timeout', { ref: false });
  if ((await Promise.race([exited, timeout])) === 'timeout') {
    child.kill('SIGQUIT');
    await exited;
  }
}
