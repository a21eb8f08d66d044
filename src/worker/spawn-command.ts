import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { execa } from 'execa';
import type { Exit } from './attempt-result.ts';
import type { Pipe } from './pipes.ts';

export interface SpawnOptions {
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** It reads what is written to its standard input; false: it reads nothing. */
  readonly hasStdin: boolean;
  readonly output: OutputPipes;
}

/** Whoever calls {@link spawnCommand} hands them over, whatever comes of it. */
export interface OutputPipes {
  readonly stdout: Pipe;
  /** `null`: it goes where stdout goes. */
  readonly stderr: Pipe | null;
}

/** How a command ended, and when, of performance.now(). */
export interface TimedExit extends Exit {
  readonly atMs: number;
}

/** A command that runs, in a process group of its own. */
export interface RunningCommand {
  /** Its leader; also the number of its group. */
  readonly pid: number;
  /** Of performance.now(). */
  readonly startedAtMs: number;
  readonly exited: Promise<TimedExit>;
  readonly stdin: Writable | null;
  readonly stdout: Socket;
  readonly stderr: Socket | null;
}

export type Spawned =
  { readonly ok: true; readonly command: RunningCommand } | { readonly ok: false; readonly error: string };

/** Starts a command. Never rejects. */
export async function spawnCommand(options: SpawnOptions): Promise<Spawned> {
  const { stdout, stderr } = options.output;
  const [file = '', ...args] = options.argv;
  try {
    const subprocess = execa(file, args, {
      cwd: options.cwd,
      detached: true,
      buffer: false,
      // Not one of our pipes: to open that again, as by the name of /dev/stdin, would wait for ever for another writer
      // once all was written. This, a socket, cannot be opened again at all.
      stdin: options.hasStdin ? 'pipe' : 'ignore',
      stdout: descriptor(stdout.writeFd),
      stderr: descriptor((stderr ?? stdout).writeFd),
      reject: false,
      extendEnv: false,
      env: options.environment,
    });
    const { pid } = subprocess;
    if (pid === undefined) {
      closeOwnEnds(options.output);
      const { code, originalMessage } = await subprocess;
      return { ok: false, error: spawnFault(code, originalMessage) };
    }
    const startedAtMs = performance.now();
    const exited = new Promise<TimedExit>((resolve) => {
      subprocess.once('exit', (exitCode, signal) => resolve({ exitCode, signal, atMs: performance.now() }));
    });
    const command = {
      pid,
      startedAtMs,
      exited,
      stdin: options.hasStdin ? subprocess.stdin : null,
      stdout: reader(stdout.readFd),
      stderr: stderr && reader(stderr.readFd),
    };
    return { ok: true, command };
  } catch (error) {
    closeOwnEnds(options.output);
    return { ok: false, error: spawnFault(undefined, (error as Error).message) };
  } finally {
    // The command has its own by now. A pipe ends when nobody else has it open for writing.
    closeSync(stdout.writeFd);
    if (stderr) closeSync(stderr.writeFd);
  }
}

/** execa takes any number; its types (9.6) know only the first few. */
function descriptor(fd: number): 3 {
  return fd as 3;
}

function closeOwnEnds({ stdout, stderr }: OutputPipes): void {
  closeSync(stdout.readFd);
  if (stderr) closeSync(stderr.readFd);
}

function reader(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false });
}

function spawnFault(code: string | undefined, message: string | undefined): string {
  if (code === 'E2BIG') {
    return 'the command could not be started: it is, with its environment, longer than the system takes (E2BIG)';
  }
  return `the command could not be started: ${message ?? 'the system does not say why'}`;
}
