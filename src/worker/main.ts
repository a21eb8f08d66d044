import { hostname } from 'node:os';
import { ConfigError, type Environment } from '../runtime/config.ts';
import { HealthServer } from '../runtime/health-server.ts';
import { createLogger } from '../runtime/logger.ts';
import type { ProcessParts } from '../runtime/process.ts';
import { startAll, stopAll, type Service } from '../runtime/service.ts';
import { readWorkerConfig } from './config.ts';
import { systemLookup } from './coordinator-addresses.ts';
import { checkCgroup } from './guardian/make-cgroup.ts';
import { setWorkerMark } from './guardian/worker-mark.ts';
import { checkOpenFiles } from './open-files.ts';
import { ALLOW_ALL } from './policy.ts';
import { readPolicy } from './read-policy.ts';
import { Worker } from './worker.ts';

/**
 * The worker process. Ready once it has registered with a coordinator, however long that takes; it ends by itself
 * when it was told to drain, has taken as many tasks as it may, or was idle for as long as it may be.
 *
 * Rejects with a ConfigError.
 */
export async function buildWorker(env: Environment): Promise<ProcessParts> {
  const config = readWorkerConfig(env);
  checkOpenFiles(config.slots);
  const policy = config.policyFile === null ? ALLOW_ALL : readPolicy(config.policyFile);
  const logger = createLogger('worker', config.log).child({ workerId: config.workerId });
  const worker = new Worker({
    config,
    policy,
    // Before anything is started, so that everything inherits it.
    workerMark: await setWorkerMark(),
    cgroupControllers: config.cgroup === null ? [] : await controllersOf(config.cgroup),
    hostname: hostname(),
    environment: env,
    lookup: systemLookup,
    logger,
  });
  const health =
    config.health &&
    new HealthServer({
      ...config.health,
      readiness: () => Promise.resolve(worker.readiness()),
      registry: worker.registry,
    });
  // The health server first, so that it answers while the worker looks for a coordinator.
  const services: readonly Service[] = health ? [health, worker] : [worker];
  return {
    service: { start: () => startAll(services), stop: () => stopAll(services) },
    logger,
    describe: () => ({ workerId: config.workerId, ...(health ? { healthPort: String(health.port) } : {}) }),
    ended: worker.ended,
    hasten: () => worker.hasten(),
    force: () => worker.kill(),
  };
}

async function controllersOf(cgroup: string): Promise<string[]> {
  try {
    return await checkCgroup(cgroup);
  } catch (error) {
    throw new ConfigError([`HYDRA_CGROUP does not hold here: ${(error as Error).message}`]);
  }
}
