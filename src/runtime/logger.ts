import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

export interface LogConfig {
  readonly level: string;
  readonly format: 'json' | 'pretty';
}

/** The logger of a process; `name` is on every line. Writes to standard output. */
export function createLogger(name: string, config: LogConfig): Logger {
  const options = { name, level: config.level };
  if (config.format === 'json') return pino(options);
  return pino(options, pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }));
}
