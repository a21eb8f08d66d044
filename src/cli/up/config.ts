import { readCoordinatorConfig } from '../../coordinator/config.ts';
import {
  ConfigError,
  databaseUrl,
  databaseVariables,
  integer,
  logVariables,
  oneOf,
  port,
  readVariables,
  text,
  type Environment,
  type Variables,
} from '../../runtime/config.ts';
import type { LogConfig } from '../../runtime/logger.ts';
import { readSchedulerConfig } from '../../scheduler/config.ts';
import { readWorkerConfig } from '../../worker/config.ts';
import { nameFlag, type Flags } from '../flags.ts';
import { coordinatorEnvironment, schedulerEnvironment, workerEnvironment } from './environment.ts';

export interface UpConfig {
  readonly http: Address;
  readonly grpc: Address;
  /** Where the embedded PostgreSQL keeps its data. */
  readonly dataDir: string;
  readonly workers: number;
  readonly slots: number;
  /** `null`: the embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  readonly log: LogConfig;
}

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Variables of `hydra up`. It hands the variables of the parts on to them. */
export const upVariables = {
  HYDRA_HTTP_PORT: port({ default: 5000, desc: 'Port of the REST API; 0 takes a free one.' }),
  HYDRA_GRPC_PORT: port({ default: 5001, desc: 'Port of the gRPC server; 0 takes a free one.' }),
  HYDRA_DATA_DIR: text(
    /./,
    'give a folder',
  )({
    default: '.hydra',
    desc: 'Folder that the embedded PostgreSQL keeps its data in.',
  }),
  HYDRA_WORKERS: integer(0, 100)({ default: 2, desc: 'How many workers to start.' }),
  HYDRA_SLOTS: integer(1, 10_000)({ default: 4, desc: 'How many commands a worker runs at once.' }),
  ...databaseVariables,
  DATABASE_URL: {
    ...databaseVariables.DATABASE_URL,
    desc: 'PostgreSQL (14 or newer) as a URL. Without it, and without POSTGRES_HOST, one is started on this machine.',
  },
  ...logVariables,
  HYDRA_LOG_FORMAT: oneOf(['json', 'pretty'])({ default: 'pretty', desc: logVariables.HYDRA_LOG_FORMAT.desc ?? '' }),
} satisfies Variables;

export const upFlags = {
  HYDRA_HTTP_PORT: '--http-port <port>',
  HYDRA_GRPC_PORT: '--grpc-port <port>',
  HYDRA_DATA_DIR: '--data-dir <folder>',
  HYDRA_WORKERS: '--workers <n>',
  HYDRA_SLOTS: '--slots <n>',
  DATABASE_URL: '--database-url <url>',
  HYDRA_LOG_FORMAT: '--log-format <format>',
} as const satisfies Flags;

/**
 * Reads the configuration of the cluster from the environment and the flags `given`, which win. Reads that of each
 * part, too, so that a fault of any part shows before anything is started.
 * @throws ConfigError naming every fault by its flag, where one was given, or its variable.
 */
export function readUpConfig(environment: Environment, given: Environment): UpConfig {
  const env: Environment = { ...environment, ...given };
  const faults = new Set<string>();
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const fault of error.faults) faults.add(nameFlag(fault, upFlags, given));
      return undefined;
    }
  };
  const values = collect(() => readVariables(env, upVariables));
  const scheduler = collect(() => readSchedulerConfig(schedulerEnvironment(env, 'postgres://placeholder')));
  const coordinator = collect(() => readCoordinatorConfig(coordinatorEnvironment(env, 'postgres://placeholder')));
  collect(() => readWorkerConfig(workerEnvironment(env, { grpc: '127.0.0.1:1', id: 'placeholder' })));
  if (values !== undefined && values.HYDRA_HTTP_PORT === values.HYDRA_GRPC_PORT && values.HYDRA_HTTP_PORT !== 0) {
    faults.add(`--http-port and --grpc-port are both ${values.HYDRA_HTTP_PORT}; give two ports`);
  }
  if (faults.size > 0 || values === undefined || scheduler === undefined || coordinator === undefined) {
    throw new ConfigError([...faults]);
  }
  const external = isSet(env.DATABASE_URL) || isSet(env.POSTGRES_HOST);
  return {
    http: { host: scheduler.httpHost, port: values.HYDRA_HTTP_PORT },
    grpc: { host: coordinator.grpcHost, port: values.HYDRA_GRPC_PORT },
    dataDir: values.HYDRA_DATA_DIR,
    workers: values.HYDRA_WORKERS,
    slots: values.HYDRA_SLOTS,
    databaseUrl: external ? databaseUrl(values) : null,
    log: { level: values.HYDRA_LOG_LEVEL, format: values.HYDRA_LOG_FORMAT },
  };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
