import { hostname } from 'node:os';
import type { Environment } from '../runtime/config.ts';
import { HealthServer } from '../runtime/health-server.ts';
import { createLogger } from '../runtime/logger.ts';
import type { ProcessParts } from '../runtime/process.ts';
import { startAll, stopAll, type Service } from '../runtime/service.ts';
import { readWorkerConfig } from './config.ts';
import { Worker } from './worker.ts';

/**
 * The worker process. Ready once it has registered with a coordinator, however long that takes; it ends by itself
 * when a coordinator has told it to drain.
 * @throws ConfigError
 */
export function buildWorker(env: Environment): ProcessParts {
  const config = readWorkerConfig(env);
  const logger = createLogger('worker', config.log).child({ workerId: config.workerId });
  const worker = new Worker({ config, hostname: hostname(), environment: env, logger });
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
    force: () => worker.kill(),
  };
}
