import { pino } from 'pino';
import { ConfigError, type Environment } from '../../runtime/config.ts';
import { EXIT, type ReadyMessage } from '../../runtime/process.ts';
import { CliError } from '../cli-error.ts';
import { Cluster } from './cluster.ts';
import { readUpConfig, type UpConfig } from './config.ts';
import { LogStream } from './log-stream.ts';
import { welcome } from './welcome.ts';

/**
 * `hydra up`: runs a whole cluster until it is told to stop, or until the parent that holds its IPC channel is gone.
 * Ends the process with a status of {@link EXIT}.
 */
export async function runUp(env: Environment, given: Environment): Promise<void> {
  let config: UpConfig;
  try {
    config = readUpConfig(env, given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`hydra: ${error.message}\n`);
    process.exitCode = EXIT.misconfigured;
    return;
  }
  const logs = new LogStream(process.stdout, config.log.format);
  const logger = pino({ level: config.log.level }, { write: (line) => logs.write('hydra', line) });
  const cluster = new Cluster({ config, env: { ...env, ...given }, logs, logger });

  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals === 1) {
      logger.info({ signal }, 'stopping: waiting for running commands; Ctrl-C again to force');
      void end(cluster.stop(), EXIT.ok);
    } else if (signals === 2) {
      logger.warn({ signal }, 'forced to stop: running commands are killed');
      void end(cluster.force(), EXIT.forced);
    }
  };
  const end = async (ended: Promise<void>, status: number) => {
    try {
      await ended;
      // Forcing makes the clean stop succeed, too; the status is that of the last word.
      if (status === EXIT.ok && signals > 1) return;
      logger.info('stopped');
      process.exit(status);
    } catch (error) {
      logger.fatal({ err: error }, 'could not stop cleanly');
      process.exit(EXIT.failed);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  if (process.connected) process.on('disconnect', () => signals === 0 && onSignal('SIGHUP'));
  // Whoever read the output is gone, as when a terminal is closed.
  process.stdout.once('error', () => signals === 0 && onSignal('SIGHUP')).on('error', () => undefined);

  try {
    await cluster.start();
  } catch (error) {
    if (signals > 0) return;
    if (error instanceof CliError) process.stderr.write(`hydra: ${error.message}\n`);
    else logger.fatal({ err: error }, 'could not start');
    process.exit(EXIT.failed);
  }
  if (cluster.details === undefined) return;
  if (config.log.format === 'json') logger.info(cluster.details, 'ready');
  else process.stdout.write(welcome(cluster.details));
  const { restUrl, grpcAddress } = cluster.details;
  process.send?.({ kind: 'ready', details: { url: restUrl, address: grpcAddress } } satisfies ReadyMessage);
}
