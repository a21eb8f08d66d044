import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Both ends of a pipe, as descriptors of this process that no child inherits unless it is told to. */
export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/** Made at once, and made again when so few are left. */
const BATCH = 64;
const FEW = 16;
const MAKE_TIMEOUT_MS = 10_000;

const run = promisify(execFile);

/**
 * Pipes for what commands write. What Node makes of `'pipe'` is a pair of sockets, and a command cannot open those
 * again: `echo … > /dev/stderr` and `tee /dev/stderr` would fail. A real pipe also serves two streams at once, so that
 * what a command writes to both keeps its order.
 *
 * Node cannot make pipes, so `mkfifo` makes named ones, many at a time; they are opened and their names removed at
 * once. What is left of the names: to open one again for writing waits until this process has it open for reading.
 */
export class Pipes {
  #ready: Pipe[] = [];
  #making: Promise<void> | null = null;
  #closed = false;

  /** Makes the first ones. Rejects with a sentence when that cannot be done. */
  async open(): Promise<void> {
    await this.#make();
  }

  /** The caller closes both ends. Rejects with a sentence when there is none and none can be made. */
  async take(): Promise<Pipe> {
    for (;;) {
      const pipe = this.#ready.pop();
      if (this.#ready.length < FEW && !this.#closed) {
        // A refill that nobody waits for is tried again by the next one; whoever waits is told what went wrong.
        this.#make().catch(() => undefined);
      }
      if (pipe) return pipe;
      if (this.#closed) throw new Error('the worker is leaving');
      await this.#make();
    }
  }

  close(): void {
    this.#closed = true;
    for (const pipe of this.#ready.splice(0)) closePipe(pipe);
  }

  /** One batch at a time. */
  #make(): Promise<void> {
    return (this.#making ??= makePipes(BATCH)
      .then((pipes) => {
        if (this.#closed) for (const pipe of pipes) closePipe(pipe);
        else this.#ready.push(...pipes);
      })
      .finally(() => (this.#making = null)));
  }
}

export function closePipe(pipe: Pipe): void {
  closeSync(pipe.readFd);
  closeSync(pipe.writeFd);
}

async function makePipes(count: number): Promise<Pipe[]> {
  let folder: string | undefined;
  const made: Pipe[] = [];
  try {
    folder = mkdtempSync(join(tmpdir(), 'hydra-pipes-'));
    const paths = Array.from({ length: count }, (_, index) => join(folder ?? '', String(index)));
    // A command that runs as another user may open its own streams again, too; nobody else can get at them.
    await run('mkfifo', ['-m', '666', ...paths], { timeout: MAKE_TIMEOUT_MS });
    for (const path of paths) made.push(openBoth(path));
    return made;
  } catch (error) {
    for (const pipe of made) closePipe(pipe);
    throw new Error(`cannot make pipes in ${tmpdir()}: ${(error as Error).message}`, { cause: error });
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Opening one end waits for the other, but not when somebody has both. Neither end is set to non-blocking: that would
 * hold for the command, too. This process sets it for the end that it keeps, which is a description of its own.
 */
function openBoth(path: string): Pipe {
  const both = openSync(path, constants.O_RDWR);
  try {
    const readFd = openSync(path, constants.O_RDONLY);
    try {
      return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
  } finally {
    closeSync(both);
  }
}
