import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HydraProcess } from '../test/support/hydra-process.ts';
import { childrenOf } from './process-list.ts';

export type Part = 'scheduler' | 'coordinator' | 'worker';

export interface MemberOptions {
  /** Such as `worker-2`. */
  readonly name: string;
  readonly part: Part;
  /** Where its log and its clock are. */
  readonly folder: string;
  /** `identity` counts from 1: how often it has come back as somebody else. */
  readonly env: (identity: number) => Readonly<Record<string, string>>;
  /** Told, in a sentence, when it ended though nobody had ended it, or otherwise than it should. */
  readonly onFault: (sentence: string) => void;
  /** The process has ended, however. */
  readonly onEnded: () => void;
}

const PRELOAD = new URL('clock-step.mjs', import.meta.url).href;

/** Before one that ended by itself is started again. */
const RESTART_MS = 500;

/** A part of the cluster, over all the processes that were it. */
export class Member {
  readonly name: string;
  readonly part: Part;
  readonly #options: MemberOptions;
  readonly #clockFile: string;
  #process: HydraProcess | undefined;
  #identity = 1;
  #mayEnd: 'no' | 'cleanly' | 'anyhow' = 'no';
  #dismissed = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.part = options.part;
    this.#clockFile = join(options.folder, `${options.name}.clock`);
    this.stepClock(0);
  }

  /** Of a worker: its HYDRA_WORKER_ID. */
  get id(): string {
    return `${this.name}.${this.#identity}`;
  }

  get running(): boolean {
    return this.#process?.running === true;
  }

  get pid(): number {
    return this.#current.pid;
  }

  /** What it says about itself once it is ready. Rejects when it ends before. */
  get ready(): Promise<Readonly<Record<string, string>>> {
    return this.#current.ready;
  }

  /** The program that clears up after a worker; `undefined` while there is none. */
  get guardian(): number | undefined {
    return childrenOf(this.pid).find(({ command }) => command.includes('guardian'))?.pid;
  }

  /** Waits until nobody else does anything to it, so that one fault does not undo another. */
  async alone<T>(what: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(what);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * `anew`: as somebody else, as far as its name is known to others.
   * @throws Error when it was dismissed.
   */
  start(how?: 'anew'): void {
    if (this.#dismissed) throw new Error(`${this.name} is not needed any more`);
    if (how === 'anew') this.#identity += 1;
    const { env, folder, name, onEnded, onFault, part } = this.#options;
    this.#mayEnd = 'no';
    const child = new HydraProcess(
      name,
      [part],
      { ...env(this.#identity), NODE_OPTIONS: `--import=${PRELOAD}`, CHAOS_CLOCK_FILE: this.#clockFile },
      { logFile: join(folder, `${name}.log`) },
    );
    this.#process = child;
    void child.exited.then(({ code, signal }) => {
      onEnded();
      if (this.#mayEnd === 'anyhow' || (this.#mayEnd === 'cleanly' && code === 0)) return;
      const what = this.#mayEnd === 'cleanly' ? 'was told to stop' : 'was to go on';
      onFault(`${name} (pid ${child.pid}) ${what} and ended with ${signal ?? `status ${code}`}`);
      if (this.#mayEnd === 'no') setTimeout(() => this.#startAgain(child), RESTART_MS);
    });
  }

  /** So that the run goes on as planned. */
  #startAgain(ended: HydraProcess): void {
    if (this.#mayEnd === 'no' && this.#process === ended) this.start('anew');
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.signal(signal);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#mayEnd = 'anyhow';
    await this.#process?.end('SIGKILL');
  }

  /** Ends it for good: whoever is about to start it again cannot. */
  async dismiss(): Promise<void> {
    this.#dismissed = true;
    await this.kill();
  }

  /** From now on it may end by itself, with status 0. */
  letLeave(): void {
    this.#mayEnd = 'cleanly';
  }

  /** Returns when it has ended, or after so long, whether it has. */
  async untilEnded(timeoutMs: number): Promise<boolean> {
    const timer = new AbortController();
    const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
    const ended = await Promise.race([this.#current.exited.then(() => true), late]);
    timer.abort();
    return ended;
  }

  /** Lets it end; a fault unless it does in time and with status 0. `againAfterMs`: told a second time then. */
  async stop(timeoutMs: number, againAfterMs = timeoutMs): Promise<void> {
    this.letLeave();
    this.#current.signal('SIGTERM');
    if (await this.untilEnded(againAfterMs)) return;
    if (againAfterMs < timeoutMs) {
      this.#current.signal('SIGTERM');
      if (await this.untilEnded(timeoutMs - againAfterMs)) return;
    }
    this.#options.onFault(`${this.name} (pid ${this.pid}) was told to stop and had not after ${timeoutMs / 1_000} s`);
    await this.kill();
  }

  /** Its wall clock is off by so much from about now on. */
  stepClock(offMs: number): void {
    writeFileSync(this.#clockFile, `${offMs}\n`);
  }

  get #current(): HydraProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`);
    return this.#process;
  }
}
