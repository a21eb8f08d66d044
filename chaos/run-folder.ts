import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ITEMS_AT_ONCE = 1_000;

/** Where a run keeps what it makes. */
export class RunFolder {
  readonly path: string;

  constructor(seed: number, parent: string | null) {
    if (parent !== null) mkdirSync(parent, { recursive: true });
    this.path = mkdtempSync(join(parent ?? tmpdir(), `hydra-chaos-${seed}-`));
    // As root PostgreSQL runs as another user, which must get through.
    chmodSync(this.path, 0o711);
    mkdirSync(this.logs);
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  get ledger(): string {
    return join(this.path, 'ledger');
  }

  get postgres(): string {
    return join(this.path, 'postgres');
  }

  get journal(): string {
    return join(this.path, 'accepted.jsonl');
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** A file of JSON, one item a line. */
  writeItems(name: string, items: readonly unknown[]): void {
    const file = join(this.path, `${name}.jsonl`);
    writeFileSync(file, '');
    for (let from = 0; from < items.length; from += ITEMS_AT_ONCE) {
      const lines = items.slice(from, from + ITEMS_AT_ONCE).map((item) => `${JSON.stringify(item, bigintAsText)}\n`);
      appendFileSync(file, lines.join(''));
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
