import type { Environment } from '../../runtime/config.ts';

/** Given to the parts by `hydra up` itself, or not fit for several processes of one machine. */
const OWN = [
  'DATABASE_URL',
  'POSTGRES_HOST',
  'POSTGRES_PORT',
  'POSTGRES_DB',
  'POSTGRES_USER',
  'POSTGRES_PASSWORD',
  'HYDRA_DATA_DIR',
  'HYDRA_WORKERS',
  'HYDRA_LOG_FORMAT',
  'HYDRA_HEALTH_HOST',
  'HYDRA_HEALTH_PORT',
];

function shared(env: Environment): Environment {
  const kept = Object.entries(env).filter(([name]) => !OWN.includes(name));
  return { ...Object.fromEntries(kept), HYDRA_LOG_FORMAT: 'json' };
}

export function schedulerEnvironment(env: Environment, databaseUrl: string): Environment {
  return { ...shared(env), DATABASE_URL: databaseUrl };
}

export function coordinatorEnvironment(env: Environment, databaseUrl: string): Environment {
  return { ...shared(env), DATABASE_URL: databaseUrl };
}

/** A worker runs other people's commands, so it does not get to know the database. */
export function workerEnvironment(
  env: Environment,
  worker: { readonly grpc: string; readonly id: string },
): Environment {
  return { ...shared(env), HYDRA_COORDINATORS: worker.grpc, HYDRA_WORKER_ID: worker.id };
}
