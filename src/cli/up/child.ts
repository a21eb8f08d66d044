import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../runtime/config.ts';
import type { Logger } from '../../runtime/logger.ts';
import { EXIT, type ReadyMessage } from '../../runtime/process.ts';
import { CliError } from '../cli-error.ts';
import type { LogStream } from './log-stream.ts';

export interface ChildOptions {
  /** Shown in logs, such as worker-1. */
  readonly name: string;
  readonly part: 'scheduler' | 'coordinator' | 'worker';
  /** `start` counts from 1, and up with each restart. */
  readonly env: (start: number) => Environment;
  readonly logs: LogStream;
  readonly logger: Logger;
  /** Whether it may end by itself with status 0, as a worker does that was told to drain; it is not restarted then. */
  readonly mayLeave: boolean;
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** A process that ran for so long is restarted without much delay. */
const STEADY_MS = 30_000;
/** How often it may fail to start before `hydra up` gives up. */
const START_ATTEMPTS = 3;

/** One part of the cluster as a process of its own, restarted when it dies. */
export class Child {
  readonly #options: ChildOptions;
  readonly #ready = new Deferred<ReadyMessage['details']>();
  #process: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  #starts = 0;
  #failures = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  /**
   * Starts it and returns, once it is ready, what it says about itself.
   * @throws CliError when it does not start, again and again, or is misconfigured.
   */
  start(): Promise<ReadyMessage['details']> {
    if (!this.#stopping) this.#spawn();
    return this.#ready.promise;
  }

  /** Sends a signal that means to end, and returns once it has ended. It is not restarted. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#ready.reject(new CliError(`${this.#options.name} was stopped before it was ready`));
    this.#process?.kill(signal);
    await this.#gone;
  }

  #spawn(): void {
    const { name, part, env, logs } = this.#options;
    const child = fork(MAIN, [part], {
      env: { ...env(++this.#starts) },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A process group of its own: Ctrl-C at the terminal reaches only this process, which decides the order.
      detached: true,
    });
    this.#process = child;
    const startedAtMs = performance.now();
    if (child.stdout !== null) logs.copy(name, child.stdout);
    if (child.stderr !== null) logs.copy(name, child.stderr);
    child.on('message', (message) => {
      if (isReady(message)) this.#ready.resolve(message.details);
    });
    this.#gone = new Promise((resolve) => {
      const ended = (how: string, code: number | null) => {
        this.#process = undefined;
        this.#onEnd(how, code, performance.now() - startedAtMs);
        resolve();
      };
      child.once('exit', (code, signal) => ended(signal ?? `status ${code}`, code));
      child.once('error', (error) => {
        if (child.pid === undefined) ended(error.message, null);
      });
    });
  }

  #onEnd(how: string, code: number | null, ranMs: number): void {
    const { name, logger, mayLeave } = this.#options;
    if (this.#stopping) return;
    if (mayLeave && code === EXIT.ok && this.#ready.settled) {
      logger.info({ process: name }, 'the process has left, as it was told to');
      return;
    }
    this.#failures = ranMs > STEADY_MS ? 1 : this.#failures + 1;
    if (!this.#ready.settled && (code === EXIT.misconfigured || this.#failures >= START_ATTEMPTS)) {
      this.#ready.reject(new CliError(`${name} did not start (it ended with ${how}); its log says why`));
      return;
    }
    const delayMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 1));
    logger.error({ process: name, ended: how, delayMs }, 'a process ended unexpectedly; starting it again');
    this.#restart = setTimeout(() => this.#spawn(), delayMs);
  }
}

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready';
}

/** A promise that is settled from outside, at most once. */
class Deferred<T> {
  settled = false;
  resolve!: (value: T) => void;
  reject!: (reason: Error) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = (value) => {
      this.settled = true;
      resolve(value);
    };
    this.reject = (reason) => {
      this.settled = true;
      reject(reason);
    };
  });

  constructor() {
    // Whoever awaits it sees the rejection; nobody may be there when a process is stopped.
    this.promise.catch(() => undefined);
  }
}
