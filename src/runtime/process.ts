import { ConfigError, type Environment } from './config.ts';
import type { Logger } from './logger.ts';
import type { Service } from './service.ts';

/** What a process consists of, built but not started. */
export interface ProcessParts {
  readonly service: Service;
  readonly logger: Logger;
  /** What a parent process wants to know once it runs, such as the address it listens on. */
  readonly describe: () => Readonly<Record<string, string>>;
  /** Resolves, with why, when the process has nothing more to do; it is stopped cleanly then. */
  readonly ended?: Promise<string>;
  /** On the second signal: bring the clean end about sooner. Without it the second signal forces. */
  readonly hasten?: () => void;
  /** On the last signal: end at once what must not be left behind. */
  readonly force?: () => Promise<void>;
}

/** Sent to the parent over IPC, where there is one, when the process is ready. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly details: Readonly<Record<string, string>>;
}

/** Exit statuses of every process. */
export const EXIT = { ok: 0, failed: 1, misconfigured: 2, forced: 3 } as const;

/**
 * Runs a process until SIGTERM or SIGINT, or until the parent that holds its IPC channel is gone. The first signal
 * stops it cleanly, the next makes that end sooner, where the process can, and the one after it forces. It may also
 * end by itself, see {@link ProcessParts.ended}. Sets or ends with a status of {@link EXIT}.
 */
export async function runProcess(
  env: Environment,
  build: (env: Environment) => ProcessParts | Promise<ProcessParts>,
): Promise<void> {
  let parts: ProcessParts;
  try {
    parts = await build(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`hydra: ${error.message}\n`);
    process.exitCode = EXIT.misconfigured;
    return;
  }
  const { service, logger } = parts;

  let stopping = false as boolean;
  let hastened = parts.hasten === undefined;
  let forced = false as boolean;
  const stop = async (why: string) => {
    if (stopping && !hastened) {
      hastened = true;
      parts.hasten?.();
      return;
    }
    if (stopping) {
      forced = true;
      logger.warn({ why }, 'forced to stop at once');
      await parts.force?.();
      process.exit(EXIT.forced);
    }
    stopping = true;
    logger.info({ why }, 'stopping');
    try {
      await service.stop();
      if (forced) return;
      logger.info('stopped');
      process.exit(EXIT.ok);
    } catch (error) {
      if (forced) return;
      logger.fatal({ err: error }, 'could not stop cleanly');
      process.exit(EXIT.failed);
    }
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  if (process.connected) process.on('disconnect', () => void stop('the parent process is gone'));
  process.on('unhandledRejection', (error) => {
    logger.fatal({ err: error }, 'unhandled rejection; this is a defect, please report it');
    process.exit(EXIT.failed);
  });

  try {
    await service.start();
  } catch (error) {
    if (stopping) return;
    logger.fatal({ err: error }, 'could not start');
    process.exit(EXIT.failed);
  }
  // Not before: what fails to start ends, too, and that is no clean end.
  void parts.ended?.then((why) => (stopping ? undefined : stop(why)));
  if (stopping || !process.connected) return;
  process.send?.({ kind: 'ready', details: parts.describe() } satisfies ReadyMessage);
}
