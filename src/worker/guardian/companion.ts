import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromCompanion, ToCompanion } from './protocol.ts';

/** Compiled, since Node.js 20 runs no TypeScript; run from the sources, this is found in dist/. */
const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../dist/worker/guardian/main.js' : './main.js', import.meta.url),
);

/** Its heap may grow less before it is cleaned up, which saves a third of its memory and costs no time. */
const NODE_FLAGS = ['--max-semi-space-size=1'];

/** It may still be killing what is left by then, but nobody waits any longer. */
const EXIT_TIMEOUT_MS = 14_000;

export interface CompanionOptions {
  readonly onMessage: (message: FromCompanion) => void;
  /** Once; how it ended. */
  readonly onExit: (how: string) => void;
}

/** The guardian's process, in a session of its own, so that what stops the worker's group does not stop it. */
export class Companion {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor({ onMessage, onExit }: CompanionOptions) {
    this.#child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM], {
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message) => onMessage(message as FromCompanion));
    this.#exited = new Promise((resolve) => {
      const exit = (how: string) => {
        resolve();
        onExit(how);
      };
      this.#child.once('exit', (code, signal) => exit(signal === null ? `exited with ${code}` : `ended by ${signal}`));
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) exit(`could not be started: ${error.message}`);
      });
    });
    // It is no reason for the worker to stay.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  send(message: ToCompanion): void {
    // What cannot be sent is sent again to the next one, once this one has ended.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** False: it was killed before. */
  kill(): boolean {
    return !this.#child.killed && this.#child.kill('SIGKILL');
  }

  /** It ends once everything that it knows of has. Kills it if that takes too long. */
  async leave(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.kill(), EXIT_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
