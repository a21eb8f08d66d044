import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file that commands append lines to, so that what really happened does not come from Hydra's own records. */
export class Ledger {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hydra-ledger-'));
  readonly #file = join(this.#folder, 'ledger');

  /** A shell command that adds a line; the shell expands it. Short lines are appended whole (O_APPEND). */
  append(line: string): string {
    return `echo "${line}" >> ${this.#file}`;
  }

  lines(): string[] {
    try {
      return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    } catch {
      return []; // Nothing has run yet.
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
