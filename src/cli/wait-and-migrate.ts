import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '../db/migrate.ts';
import { isTransient } from '../db/unavailable.ts';
import type { Logger } from '../runtime/logger.ts';
import { CliError } from './cli-error.ts';

/** Pause before the next try, give or take a half. */
const RETRY_MS = 500;

export interface WaitAndMigrateOptions {
  readonly url: string;
  readonly logger: Logger;
  /** How long PostgreSQL may take to answer. */
  readonly waitMs: number;
  /** Stops waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Applies the migrations once PostgreSQL answers, and returns their names.
 * @throws CliError with what the last try said.
 */
export async function waitAndMigrate({ url, logger, waitMs, signal }: WaitAndMigrateOptions): Promise<string[]> {
  const deadline = performance.now() + waitMs;
  for (let told = false; ; told = true) {
    try {
      return await migrate(url, { logger });
    } catch (error) {
      if (!isTransient(error) || performance.now() > deadline) {
        throw new CliError(`could not bring the database up to date: ${reason(error)}`, { cause: error });
      }
      if (!told) logger.info({ reason: reason(error) }, 'PostgreSQL does not answer yet; waiting for it');
      await delay(RETRY_MS * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
    }
  }
}

function reason(error: unknown): string {
  // A host with several addresses fails with several errors.
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join('; ');
}
