import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LedgerLine } from './events.ts';

/** Where commands write what really happened. */
export interface LedgerPaths {
  /** An absolute path, on a disk that no fault fills. */
  readonly folder: string;
}

const PRELUDE = fileURLToPath(new URL('run-task.sh', import.meta.url));

/** Makes the folder, an empty ledger and the folder of the locks. Call it before the first command runs. */
export function prepareLedger(paths: LedgerPaths): void {
  mkdirSync(join(paths.folder, 'locks'), { recursive: true });
  closeSync(openSync(join(paths.folder, 'ledger'), 'a'));
}

/**
 * The shell text of a task that writes its start and its end into the ledger, and in between does what `body` says, in
 * the same shell: it may fork, `exit`, set traps on signals and change folders, but not set a trap on EXIT, not replace
 * the shell with `exec`, and not use descriptor 9. It exits with the status of the body; with 97 before the body, or 98
 * after it, when the ledger cannot be written.
 *
 * Nothing that an attempt leaves behind may live when the next one starts, so `background: allow` does not go together
 * with retries here.
 *
 * @throws Error when the key is not made of letters, digits, `.`, `_` and `-`, or the folder is not an absolute path.
 */
export function ledgerCommand(paths: LedgerPaths, key: string, body: string): string {
  if (!/^[\w-][\w.-]*$/.test(key)) throw new Error(`a key of the ledger must be a plain word: ${key}`);
  if (!isAbsolute(paths.folder)) throw new Error(`the folder of the ledger must be an absolute path: ${paths.folder}`);
  return `chaos_folder=${quoted(paths.folder)} chaos_key=${key}; . ${quoted(PRELUDE)}\n${body}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Everything that commands have written so far, in the order in which they did; what is no proper line included. */
export function readLedger(paths: LedgerPaths): LedgerLine[] {
  const text = readFileSync(join(paths.folder, 'ledger'), 'utf8');
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const parsed = lines.map((line, index) => parseLine(line, index + 1));
  // Every line ends with a line feed, so the end of one that was torn does not.
  return rest === '' ? parsed : [...parsed, { kind: 'corrupt', line: lines.length + 1, text: rest }];
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const START = new RegExp(`^start (\\S+) (${UUID}) ([1-9]\\d*) (\\S+) ([1-9]\\d*) (\\d{19}) (held|taken)$`);
const END = new RegExp(`^end (\\S+) (${UUID}) ([1-9]\\d*) (\\d{19}) (\\d{1,3})$`);

function parseLine(text: string, line: number): LedgerLine {
  const start = START.exec(text);
  if (start !== null) {
    const [, key = '', taskId = '', attempt, workerId = '', pid, at = '', lock] = start;
    return {
      kind: 'start',
      key,
      taskId,
      attempt: Number(attempt),
      workerId,
      pid: Number(pid),
      atNs: BigInt(at),
      held: lock === 'held',
    };
  }
  const end = END.exec(text);
  if (end !== null) {
    const [, key = '', taskId = '', attempt, at = '', exitCode] = end;
    return { kind: 'end', key, taskId, attempt: Number(attempt), atNs: BigInt(at), exitCode: Number(exitCode) };
  }
  return { kind: 'corrupt', line, text };
}
