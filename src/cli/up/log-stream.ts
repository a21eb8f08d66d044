import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { prettyFactory } from 'pino-pretty';
import type { LogConfig } from '../../runtime/logger.ts';

/** Most that waits for a slow output, in bytes. */
const CAP_BYTES = 1024 * 1024;

/**
 * Merges the logs of several processes into one stream, each line with the name of its process. An output that is
 * slow, or is not read at all, loses lines: processes that waited for it would lose their leases.
 */
export class LogStream {
  readonly #output: Writable;
  readonly #format: (line: Record<string, unknown>) => string;
  #dropped = 0;

  constructor(output: Writable & { readonly isTTY?: boolean }, format: LogConfig['format']) {
    this.#output = output;
    const pretty = prettyFactory({
      colorize: output.isTTY === true,
      ignore: 'pid,hostname',
      translateTime: 'SYS:HH:MM:ss.l',
      singleLine: true,
    });
    this.#format = format === 'pretty' ? pretty : (line) => `${JSON.stringify(line)}\n`;
  }

  /** Writes one line, which is pino's JSON or anything else. */
  write(name: string, line: string): void {
    if (!this.#output.writable) return;
    if (this.#output.writableLength > CAP_BYTES) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      this.#output.write(this.#format({ ...message(`${this.#dropped} log lines were dropped here`), name: 'hydra' }));
      this.#dropped = 0;
    }
    this.#output.write(this.#format({ ...parse(line), name }));
  }

  /** Copies what a process writes, until it ends. */
  copy(name: string, input: Readable): void {
    createInterface({ input, crlfDelay: Infinity }).on('line', (line) => {
      if (line !== '') this.write(name, line);
    });
  }
}

/** What is not a log line, such as a crash of Node.js itself, is shown as a message without a level. */
function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'level' in value) return { ...value };
  } catch {
    // Not JSON.
  }
  return message(line);
}

function message(msg: string): Record<string, unknown> {
  return { time: Date.now(), msg };
}
