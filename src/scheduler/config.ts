import {
  databaseUrl,
  databaseVariables,
  integer,
  list,
  logVariables,
  port,
  readVariables,
  text,
  type Environment,
  type Variables,
} from '../runtime/config.ts';
import type { LogConfig } from '../runtime/logger.ts';

export interface SchedulerConfig {
  readonly httpHost: string;
  readonly httpPort: number;
  /** Names that requests may be addressed to, beside `localhost` and IP addresses; `null`: any. */
  readonly allowedHosts: readonly string[] | null;
  readonly databaseUrl: string;
  readonly dbPoolSize: number;
  readonly log: LogConfig;
}

/** Variables of `hydra scheduler`. */
export const schedulerVariables = {
  HYDRA_HTTP_HOST: text(
    /^\S+$/,
    'give an address to listen on',
  )({
    default: '127.0.0.1',
    desc: 'Address the REST API listens on. Whoever reaches it can run commands.',
  }),
  HYDRA_HTTP_PORT: port({ default: 5000, desc: 'Port of the REST API; 0 takes a free one.' }),
  HYDRA_HTTP_ALLOWED_HOSTS: list(
    /^[A-Za-z0-9.-]+$/,
    'give host names, separated by commas',
  )({
    default: undefined,
    desc:
      'Host names that requests may be addressed to, beside localhost and IP addresses, so that no web page can ' +
      'reach the API under a name of its own. Not set: none when listening on a loopback address, else any.',
  }),
  HYDRA_DB_POOL_SIZE: integer(3, 100)({ default: 10, desc: 'Most connections to PostgreSQL of one process.' }),
  ...databaseVariables,
  ...logVariables,
} satisfies Variables;

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i;

/** @throws ConfigError naming every fault. */
export function readSchedulerConfig(env: Environment): SchedulerConfig {
  const values = readVariables(env, schedulerVariables);
  return {
    httpHost: values.HYDRA_HTTP_HOST,
    httpPort: values.HYDRA_HTTP_PORT,
    allowedHosts: values.HYDRA_HTTP_ALLOWED_HOSTS ?? (LOOPBACK.test(values.HYDRA_HTTP_HOST) ? [] : null),
    databaseUrl: databaseUrl(values),
    dbPoolSize: values.HYDRA_DB_POOL_SIZE,
    log: { level: values.HYDRA_LOG_LEVEL, format: values.HYDRA_LOG_FORMAT },
  };
}
