import type { Environment } from '../runtime/config.ts';
import { createLogger } from '../runtime/logger.ts';
import type { ProcessParts } from '../runtime/process.ts';
import { readSchedulerConfig } from './config.ts';
import { Scheduler } from './scheduler.ts';

/** @throws ConfigError */
export function buildScheduler(env: Environment): ProcessParts {
  const config = readSchedulerConfig(env);
  const logger = createLogger('scheduler', config.log);
  const scheduler = new Scheduler(config, logger);
  return {
    service: scheduler,
    logger,
    describe: () => ({ url: scheduler.url }),
  };
}
