import {
  databaseUrl,
  databaseVariables,
  integer,
  logVariables,
  milliseconds,
  port,
  readVariables,
  text,
  type Environment,
  type Variables,
} from '../runtime/config.ts';
import type { LogConfig } from '../runtime/logger.ts';

export interface CoordinatorConfig {
  readonly grpcHost: string;
  readonly grpcPort: number;
  readonly databaseUrl: string;
  readonly dbPoolSize: number;
  /** How long ownership lasts without a sign of life. */
  readonly leaseMs: number;
  /** How long before they are due tasks are claimed; 0: only when due. */
  readonly lookaheadMs: number;
  /** How often PostgreSQL is asked when nothing else wakes the coordinator. */
  readonly pollMs: number;
  /** Most tasks claimed in one statement. */
  readonly claimBatch: number;
  readonly health: { readonly host: string; readonly port: number } | null;
  readonly log: LogConfig;
}

/** Variables of `hydra coordinator`. */
export const coordinatorVariables = {
  HYDRA_GRPC_HOST: text(
    /./,
    'give an address to listen on',
  )({
    default: '127.0.0.1',
    desc: 'Address the gRPC server listens on. Whoever reaches it can run commands.',
  }),
  HYDRA_GRPC_PORT: port({ default: 5001, desc: 'Port of the gRPC server; 0 takes a free one.' }),
  HYDRA_LEASE_MS: milliseconds(
    1_000,
    600_000,
  )({
    default: 15_000,
    desc: 'How long a worker or coordinator owns its tasks without a sign of life. The same for all coordinators.',
  }),
  HYDRA_LOOKAHEAD_MS: milliseconds(
    0,
    600_000,
  )({
    default: 30_000,
    desc: 'How long before they are due tasks are claimed, to start them at their instant. 0 turns it off.',
  }),
  HYDRA_POLL_MS: milliseconds(
    100,
    10_000,
  )({
    default: 5_000,
    desc: 'How often PostgreSQL is asked for due tasks when nothing else wakes the coordinator.',
  }),
  HYDRA_CLAIM_BATCH: integer(1, 10_000)({ default: 500, desc: 'Most tasks claimed in one statement.' }),
  HYDRA_DB_POOL_SIZE: integer(3, 100)({ default: 10, desc: 'Most connections to PostgreSQL of one process.' }),
  HYDRA_HEALTH_HOST: text(
    /./,
    'give an address to listen on',
  )({
    default: '127.0.0.1',
    desc: 'Address of the health server.',
  }),
  HYDRA_HEALTH_PORT: port({
    default: undefined,
    desc: 'Port that serves /healthz, /readyz and /metrics; not set: no such server.',
  }),
  ...databaseVariables,
  ...logVariables,
} satisfies Variables;

/** @throws ConfigError naming every fault. */
export function readCoordinatorConfig(env: Environment): CoordinatorConfig {
  const values = readVariables(env, coordinatorVariables);
  return {
    grpcHost: values.HYDRA_GRPC_HOST,
    grpcPort: values.HYDRA_GRPC_PORT,
    databaseUrl: databaseUrl(values),
    dbPoolSize: values.HYDRA_DB_POOL_SIZE,
    leaseMs: values.HYDRA_LEASE_MS,
    lookaheadMs: values.HYDRA_LOOKAHEAD_MS,
    pollMs: values.HYDRA_POLL_MS,
    claimBatch: values.HYDRA_CLAIM_BATCH,
    health:
      values.HYDRA_HEALTH_PORT === undefined
        ? null
        : { host: values.HYDRA_HEALTH_HOST, port: values.HYDRA_HEALTH_PORT },
    log: { level: values.HYDRA_LOG_LEVEL, format: values.HYDRA_LOG_FORMAT },
  };
}
