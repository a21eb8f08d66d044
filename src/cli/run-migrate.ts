import { ConfigError, type Environment } from '../runtime/config.ts';
import { createLogger } from '../runtime/logger.ts';
import { EXIT } from '../runtime/process.ts';
import { CliError } from './cli-error.ts';
import { readMigrateConfig } from './migrate-config.ts';
import { waitAndMigrate } from './wait-and-migrate.ts';

/** `hydra migrate`: applies what is missing and prints the names. Returns a status of {@link EXIT}. */
export async function runMigrate(env: Environment, given: Environment): Promise<number> {
  try {
    const config = readMigrateConfig(env, given);
    const logger = createLogger('migrate', config.log);
    const applied = await waitAndMigrate({ url: config.databaseUrl, logger, waitMs: config.waitMs });
    for (const name of applied) process.stdout.write(`applied ${name}\n`);
    process.stdout.write('the database is up to date\n');
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof CliError)) throw error;
    process.stderr.write(`hydra: ${error.message}\n`);
    return error instanceof ConfigError ? EXIT.misconfigured : EXIT.failed;
  }
}
