import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Ended } from '../../../../src/worker/guardian/guardian.ts';
import { untilGone } from '../../../support/processes.ts';
import { companionsOf, hasEnded } from './guarded.ts';

const PROGRAM = fileURLToPath(new URL('worker.mjs', import.meta.url));

type Message = { readonly kind: 'ready' } | { readonly kind: 'answer'; readonly id: number; readonly value: unknown };

/** A process with a guardian and commands, and nothing else of a worker, that may be killed. */
export class GuardedWorker {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (value: unknown) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: Message) => {
      if (message.kind === 'answer') this.#answers.get(message.id)?.(message.value);
    });
  }

  /** It and its companions are killed when the test is over. */
  static async start(options: { readonly cgroup?: string } = {}): Promise<GuardedWorker> {
    const env = { ...process.env, ...(options.cgroup === undefined ? {} : { CGROUP: options.cgroup }) };
    const child = fork(PROGRAM, { env, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const worker = new GuardedWorker(child);
    const exited = once(child, 'exit');
    onTestFinished(async () => {
      const companions = companionsOf(child.pid ?? 0);
      child.kill('SIGKILL');
      await exited;
      await untilGone(() => companions.filter((pid) => !hasEnded(pid)).map((pid) => ({ pid, command: 'companion' })));
    });
    await new Promise<void>((resolve, reject) => {
      child.on('message', ({ kind }: Message) => {
        if (kind === 'ready') resolve();
      });
      child.once('exit', () => reject(new Error('the worker did not start')));
    });
    return worker;
  }

  get companion(): number {
    const [pid] = companionsOf(this.#child.pid ?? 0);
    if (pid === undefined) throw new Error('the worker has no companion');
    return pid;
  }

  run(key: string, script: string, allowBackground = false): Promise<void> {
    return this.#ask('run', { key, script, allowBackground }) as Promise<void>;
  }

  /** Resolves when the command has exited. */
  exited(key: string): Promise<void> {
    return this.#ask('exited', { key }) as Promise<void>;
  }

  end(key: string, spareBackground = false): Promise<Ended> {
    return this.#ask('end', { key, spareBackground }) as Promise<Ended>;
  }

  mark(): Promise<string | null> {
    return this.#ask('mark', {}) as Promise<string | null>;
  }

  #ask(action: string, parameters: object): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#child.send({ id, action, ...parameters });
    });
  }

  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
