import type { Environment } from '../runtime/config.ts';
import { createLogger } from '../runtime/logger.ts';
import type { ProcessParts } from '../runtime/process.ts';
import { readCoordinatorConfig } from './config.ts';
import { Coordinator } from './coordinator.ts';

/** @throws ConfigError */
export function buildCoordinator(env: Environment): ProcessParts {
  const config = readCoordinatorConfig(env);
  const logger = createLogger('coordinator', config.log);
  const coordinator = new Coordinator(config, logger);
  return {
    service: coordinator,
    logger,
    describe: () => ({ address: coordinator.address, coordinatorId: coordinator.id }),
  };
}
