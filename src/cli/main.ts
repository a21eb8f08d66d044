#!/usr/bin/env node
import { Command } from 'commander';
import { EXIT, runProcess } from '../runtime/process.ts';
import { VERSION } from '../runtime/version.ts';
import { addFlags, givenFlags, type Flags } from './flags.ts';
import { migrateFlags } from './migrate-config.ts';
import { upFlags } from './up/config.ts';
import { commandVariables, describeVariables, unknownVariables, type ConfiguredCommand } from './variables.ts';

const program = new Command('hydra')
  .description('Runs commands at a given time, on one of many workers, and says what became of them.')
  .version(VERSION)
  .showHelpAfterError('See hydra --help.')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.misconfigured));

/** A command that is configured by environment variables; its help lists them. */
function configured(name: ConfiguredCommand, description: string, flags: Flags = {}): Command {
  const command = program
    .command(name)
    .description(description)
    .showHelpAfterError(`See hydra ${name} --help.`)
    .addHelpText('after', () => describeVariables(name, process.stdout.columns || 100))
    .hook('preAction', () => {
      // A parent that is `hydra` itself has said so already.
      if (process.connected) return;
      for (const text of unknownVariables(process.env)) process.stderr.write(`hydra: warning: ${text}\n`);
    });
  return addFlags(command, flags, commandVariables[name]);
}

// Each command loads what it needs when it runs, so that it starts quickly and a worker never loads `pg`.

configured(
  'up',
  'Run a whole cluster on this machine, with a PostgreSQL of its own unless one is given.',
  upFlags,
).action(async (_options, command: Command) => {
  const { runUp } = await import('./up/run-up.ts');
  await runUp(process.env, givenFlags(command, upFlags));
});

configured('scheduler', 'Run a scheduler: the REST API.').action(async () => {
  const { buildScheduler } = await import('../scheduler/main.ts');
  await runProcess(process.env, buildScheduler);
});

configured('coordinator', 'Run a coordinator: hands due tasks to the workers that connect to it.').action(async () => {
  const { buildCoordinator } = await import('../coordinator/main.ts');
  await runProcess(process.env, buildCoordinator);
});

configured('worker', 'Run a worker: connects to a coordinator and runs commands.').action(async () => {
  const { buildWorker } = await import('../worker/main.ts');
  await runProcess(process.env, buildWorker);
});

configured('migrate', 'Bring the database up to date, and end.', migrateFlags).action(
  async (_options, command: Command) => {
    const { runMigrate } = await import('./run-migrate.ts');
    process.exitCode = await runMigrate(process.env, givenFlags(command, migrateFlags));
  },
);

program
  .command('check')
  .description('Ask a process whether it is healthy: exit status 0 when it is, 1 with a sentence when not.')
  .showHelpAfterError('See hydra check --help.')
  .argument('<url>', 'http://host:port/path or grpc://host:port')
  .action(async (url: string) => {
    const { checkHealth } = await import('./check.ts');
    const unhealthy = await checkHealth(url);
    if (unhealthy === null) return;
    process.stderr.write(`hydra: ${unhealthy}\n`);
    process.exitCode = EXIT.failed;
  });

await program.parseAsync();
