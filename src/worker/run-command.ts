import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { AttemptResult } from '../domain/task-state.ts';
import type { Output } from '../rpc/messages.ts';
import { OutputHead } from './output-head.ts';
import { killGroup } from './process-group.ts';

export interface CommandOptions {
  /** Run through `sh -c` in the worker's current directory. */
  readonly command: string;
  /** The whole environment; nothing is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes kept of each of stdout and stderr. */
  readonly capBytes: number;
}

/** How a command ended. Instants are of performance.now(). */
export interface CommandEnd {
  readonly result: AttemptResult;
  readonly endedAtMs: number;
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Command {
  /** `null`: it could not be started, and `ended` says why in a moment. */
  readonly startedAtMs: number | null;
  /** Never rejects. */
  readonly ended: Promise<CommandEnd>;
  /** Kills its process group; nothing happens if the command has ended. */
  kill(): void;
}

/**
 * How long after the command's end others may still write to its streams: time for what it wrote to be read, and for
 * helpers such as `tee` to finish. Also how long reading goes on after they are killed.
 */
const LINGER_MS = 200;

/**
 * Starts a command in a process group of its own. The attempt ends when the command itself does: whatever it left in
 * its group is killed then, so that a background process that holds stdout open holds nothing up. Never throws.
 */
export function runCommand(options: CommandOptions): Command {
  try {
    const subprocess = execa('sh', ['-c', options.command], {
      detached: true,
      buffer: false,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      reject: false,
      extendEnv: false,
      env: options.environment,
    });
    const { pid, stdout, stderr } = subprocess;
    if (pid === undefined) return notStarted(subprocess.then((outcome) => outcome.originalMessage));

    const startedAtMs = performance.now();
    const exited = new Promise<Pick<CommandEnd, 'result' | 'endedAtMs'>>((resolve) => {
      subprocess.once('exit', (exitCode, signal) => {
        resolve({ result: resultOf(exitCode, signal), endedAtMs: performance.now() });
      });
    });
    let over = false;
    const ended = collect(pid, exited, stdout, stderr, options.capBytes).finally(() => (over = true));
    return {
      startedAtMs,
      ended,
      kill: () => {
        // Once the group is gone its number may name another one.
        if (!over) killGroup(pid);
      },
    };
  } catch (error) {
    return notStarted(Promise.resolve(error instanceof Error ? error.message : String(error)));
  }
}

async function collect(
  groupId: number,
  exited: Promise<Pick<CommandEnd, 'result' | 'endedAtMs'>>,
  stdout: Readable,
  stderr: Readable,
  capBytes: number,
): Promise<CommandEnd> {
  const [out, err] = [new OutputHead(capBytes), new OutputHead(capBytes)];
  const closed = Promise.all([drain(stdout, out), drain(stderr, err)]);
  const end = await exited;
  const closedByItself = await settlesWithin(closed, LINGER_MS);
  killGroup(groupId);
  // With the writers killed the streams end once they are read to the end. Only a process that left the group
  // keeps one open, and is not waited for.
  if (!closedByItself && !(await settlesWithin(closed, LINGER_MS))) {
    stdout.destroy();
    stderr.destroy();
  }
  return { ...end, stdout: out.toOutput(), stderr: err.toOutput() };
}

function drain(stream: Readable, into: OutputHead): Promise<void> {
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => into.push(chunk));
    stream.on('error', () => undefined); // 'close' follows
    stream.once('close', resolve);
  });
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, ms, false)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `sh` itself reports a child that a signal ended as exit code 128 + n when it survives that child; it is kept as the
 * exit code that it is.
 */
function resultOf(exitCode: number | null, signal: string | null): AttemptResult {
  return signal === null
    ? { reason: 'exited', exitCode: exitCode ?? 0, signal: null, error: null }
    : { reason: 'signalled', exitCode: null, signal, error: null };
}

function notStarted(why: Promise<string | undefined>): Command {
  const endedAtMs = performance.now();
  const nothing: Output = { head: Buffer.alloc(0), totalBytes: 0 };
  const ended = why.then((text) => {
    const error = `sh could not be started: ${text ?? 'the system does not say why'}`;
    const result: AttemptResult = { reason: 'spawn_error', exitCode: null, signal: null, error };
    return { result, endedAtMs, stdout: nothing, stderr: nothing };
  });
  return { startedAtMs: null, ended, kill: () => undefined };
}
