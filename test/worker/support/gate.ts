import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Holds commands until the test lets them go. */
export class Gate {
  readonly #path: string;
  readonly #fd: number;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'hydra-gate-'));
    this.#path = join(folder, 'fifo');
    execFileSync('mkfifo', [this.#path]);
    this.#fd = openSync(this.#path, 'r+'); // both ends, so that neither opening nor writing waits
    onTestFinished(() => {
      closeSync(this.#fd);
      rmSync(folder, { recursive: true });
    });
  }

  /** Shell text that waits at the gate. */
  get wait(): string {
    return `read -r _ < '${this.#path}'`;
  }

  /** Lets `count` commands pass, whether they wait already or come later. */
  pass(count = 1): void {
    writeSync(this.#fd, 'go\n'.repeat(count));
  }
}
