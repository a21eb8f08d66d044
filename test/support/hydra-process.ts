import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ReadyMessage } from '../../src/runtime/process.ts';

/** The command as it is installed; `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HydraProcessOptions {
  /** Without a channel to the test: it cannot say when it is ready, and does not end with the test. */
  readonly alone?: boolean;
  /** In a process group of its own, as a shell does it for Ctrl-C. */
  readonly ownGroup?: boolean;
  /** A file that it appends what it writes to; `output` is empty then. */
  readonly logFile?: string;
}

/** Most characters of output that are kept of a process. */
const OUTPUT_CHARS = 1_000_000;

/** A real `hydra` process of a test. */
export class HydraProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended and all that it wrote was read. */
  readonly exited: Promise<Exit>;
  /** What the process says about itself once it is ready. Rejects, with the output, when it ends before. */
  readonly ready: Promise<ReadyMessage['details']>;
  readonly #child: ChildProcess;
  readonly #events = new EventEmitter();
  #output = '';
  #exit: Exit | undefined;

  constructor(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    options: HydraProcessOptions = {},
  ) {
    this.name = name;
    const log = options.logFile === undefined ? 'pipe' : openSync(options.logFile, 'a');
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...ownEnvironment(), ...env },
      stdio: ['ignore', log, log, ...(options.alone === true ? [] : (['ipc'] as const))],
      detached: options.ownGroup === true,
    });
    if (log !== 'pipe') closeSync(log);
    if (this.#child.pid === undefined) throw new Error(`cannot start ${process.execPath}`);
    this.pid = this.#child.pid;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#output = (this.#output + chunk).slice(-OUTPUT_CHARS);
        this.#events.emit('output');
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        this.#events.emit('output');
        resolve(this.#exit);
      });
    });
    this.ready = Promise.race([
      this.exited.then(() => {
        throw new Error(`${name} ended before it was ready:\n${this.#output}`);
      }),
      once(this.#child, 'message').then(([message]) => (message as ReadyMessage).details),
    ]);
    // Not every test waits for it.
    this.ready.catch(() => undefined);
  }

  /** All that it wrote to standard output and error, the newest million characters of it. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Waits until the output matches. Rejects when the process ends without. */
  async waitForOutput(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (!this.running) throw new Error(`${this.name} ended without writing ${String(pattern)}:\n${this.#output}`);
      await once(this.#events, 'output');
    }
  }

  /** Sends a signal, and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Does what Ctrl-C does at a terminal: everything in the process group gets it. Needs `ownGroup`. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  /** Sends a signal that means to end, and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }
}

/** Nothing of Hydra's configuration, and nothing of the test runner's. */
function ownEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'USER', 'LOGNAME'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
