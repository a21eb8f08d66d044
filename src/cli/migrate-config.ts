import {
  ConfigError,
  databaseUrl,
  databaseVariables,
  integer,
  logVariables,
  readVariables,
  type Environment,
  type Variables,
} from '../runtime/config.ts';
import type { LogConfig } from '../runtime/logger.ts';
import { nameFlag, type Flags } from './flags.ts';

export interface MigrateConfig {
  readonly databaseUrl: string;
  /** How long PostgreSQL may take to answer. */
  readonly waitMs: number;
  readonly log: LogConfig;
}

/** Variables of `hydra migrate`. */
export const migrateVariables = {
  HYDRA_MIGRATE_WAIT_S: integer(
    0,
    3_600,
  )({ default: 30, desc: 'Seconds to wait for a PostgreSQL that is not up yet.' }),
  ...databaseVariables,
  ...logVariables,
} satisfies Variables;

export const migrateFlags = { HYDRA_MIGRATE_WAIT_S: '--wait <seconds>' } as const satisfies Flags;

/**
 * Reads the environment and the flags `given`, which win.
 * @throws ConfigError naming every fault.
 */
export function readMigrateConfig(env: Environment, given: Environment): MigrateConfig {
  try {
    const values = readVariables({ ...env, ...given }, migrateVariables);
    return {
      databaseUrl: databaseUrl(values),
      waitMs: values.HYDRA_MIGRATE_WAIT_S * 1_000,
      log: { level: values.HYDRA_LOG_LEVEL, format: values.HYDRA_LOG_FORMAT },
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.faults.map((fault) => nameFlag(fault, migrateFlags, given)));
  }
}
