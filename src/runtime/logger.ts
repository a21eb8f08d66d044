import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

export interface LogConfig {
  readonly level: string;
  readonly format: 'json' | 'pretty';
}

/** Errors as they are logged. PostgreSQL quotes rows and statements in them, of which parts may be secret. */
export function serializeError(error: Error): object {
  return { ...pino.stdSerializers.err(error), detail: undefined, where: undefined };
}

/**
 * The logger of a process; `name` is on every line. Writes to standard output, each line at once: no line is kept in
 * memory, and none is left to be written at the exit, where pino (10.4) would wait for ever for a reader that is gone.
 */
export function createLogger(name: string, config: LogConfig): Logger {
  const options = { name, level: config.level, serializers: { err: serializeError } };
  if (config.format === 'json') return pino(options, pino.destination({ dest: 1, sync: true }));
  return pino(options, pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', sync: true }));
}
