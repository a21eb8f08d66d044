import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { makeExactValidator } from 'envalid';
import { givenFlags, nameFlag } from '../src/cli/flags.ts';
import { nearest } from '../src/domain/nearest.ts';
import { ConfigError, integer, milliseconds, readVariables, text, type Variables } from '../src/runtime/config.ts';
import { FAULT_KINDS } from './faults/catalogue.ts';
import type { PlanOptions } from './plan.ts';

export interface ChaosFlags extends Omit<PlanOptions, 'seed'> {
  /** One run for each. */
  readonly seeds: readonly number[];
  /** Prints what would be done, and does nothing. */
  readonly printPlan: boolean;
  /** Folders of runs without a violation are kept, too. */
  readonly keep: boolean;
  /** Where to write all that was found; `null`: nowhere. */
  readonly json: string | null;
  /** Where to write the figures as they are shown in documents; `null`: nowhere. */
  readonly markdown: string | null;
  /** Where folders of runs are made; `null`: where the system keeps what is temporary. */
  readonly folder: string | null;
}

const MOST_SEED = 2 ** 32 - 1;
const DAY_S = 86_400;

const seedList = makeExactValidator<readonly number[]>((input) => {
  const seeds = input.split(',').map((part) => part.trim());
  const wrong = seeds.find((seed) => !/^\d{1,10}$/.test(seed) || Number(seed) > MOST_SEED);
  if (wrong !== undefined) throw new Error(`has ${JSON.stringify(wrong)}; give whole numbers up to ${MOST_SEED}`);
  return [...new Set(seeds.map(Number))];
});

const faultList = makeExactValidator<readonly string[]>((input) => {
  const names = input.split(',').map((part) => part.trim());
  const known = FAULT_KINDS.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return [...new Set(names)];
  const meant = nearest(wrong, known);
  const hint = meant === undefined ? '--help lists them' : `did you mean ${meant}?`;
  throw new Error(`has ${JSON.stringify(wrong)}, which is no fault; ${hint}`);
});

const variables = {
  SEED: integer(
    0,
    MOST_SEED,
  )({
    default: undefined,
    desc: 'What is submitted when, and which fault comes when, follows from it. Default: drawn, and printed.',
  }),
  SEEDS: seedList({ default: undefined, desc: 'Several runs, one after another, separated by commas.' }),
  SECONDS: integer(
    5,
    DAY_S,
  )({ default: undefined, desc: 'How long tasks are submitted and faults come. Default: 60.' }),
  MINUTES: integer(1, DAY_S / 60)({ default: undefined, desc: 'The same in minutes.' }),
  TASKS_PER_SECOND: integer(1, 500)({ default: 20, desc: 'How many tasks are submitted, on average. Default: 20.' }),
  LEASE_MS: milliseconds(
    1_000,
    60_000,
  )({ default: 3_000, desc: 'HYDRA_LEASE_MS of the cluster. Default: 3000, so that more faults find time.' }),
  FAULTS: faultList({
    default: undefined,
    desc: 'Only these kinds, separated by commas. Default: all that Hydra promises to survive.',
  }),
  JSON: text(/./, 'give a path')({ default: undefined, desc: 'File to write all figures and findings to.' }),
  MARKDOWN: text(/./, 'give a path')({ default: undefined, desc: 'File to write the tables of figures to.' }),
  FOLDER: text(
    /./,
    'give a path',
  )({
    default: undefined,
    desc: 'Where the folders of runs are made. Default: where the system keeps what is temporary.',
  }),
} satisfies Variables;

const flags = {
  SEED: '--seed <n>',
  SEEDS: '--seeds <list>',
  SECONDS: '--seconds <n>',
  MINUTES: '--minutes <n>',
  TASKS_PER_SECOND: '--tasks-per-second <n>',
  LEASE_MS: '--lease-ms <ms>',
  FAULTS: '--faults <list>',
  JSON: '--json <file>',
  MARKDOWN: '--markdown <file>',
  FOLDER: '--folder <path>',
};

/** @throws ConfigError naming every fault; and what commander throws after it has said what is wrong, or given help. */
export function readFlags(args: readonly string[]): ChaosFlags {
  const command = new Command('npm run chaos --')
    .description(
      'Runs a cluster of real processes, submits tasks, brings about faults, and counts what must not have happened. ' +
        'Exit status: 0 when nothing of it has, 1 when something has, 2 on wrong flags.',
    )
    .showHelpAfterError('See npm run chaos -- --help.')
    .addHelpText('after', describeFaults)
    .allowExcessArguments(false)
    .exitOverride();
  for (const [name, flag] of Object.entries(flags)) {
    command.addOption(new Option(flag, variables[name as keyof typeof flags].desc));
  }
  command
    .option('--print-plan', 'Print what would be done, and end.')
    .option('--keep', 'Keep the folder of each run: logs, ledger, history. Those with violations are kept anyway.');
  command.parse(args, { from: 'user' });
  const given = givenFlags(command, flags);
  const { keep = false, printPlan = false } = command.opts<{ keep?: boolean; printPlan?: boolean }>();
  const values = readGiven(given);
  const seconds = values.SECONDS ?? (values.MINUTES === undefined ? 60 : values.MINUTES * 60);
  return {
    seeds: values.SEEDS ?? [values.SEED ?? randomInt(MOST_SEED)],
    durationMs: seconds * 1_000,
    tasksPerSecond: values.TASKS_PER_SECOND,
    leaseMs: values.LEASE_MS,
    faults: values.FAULTS ?? FAULT_KINDS.filter((kind) => kind.beyondLimits !== true).map(({ name }) => name),
    printPlan,
    keep,
    json: values.JSON === undefined ? null : resolve(values.JSON),
    markdown: values.MARKDOWN === undefined ? null : resolve(values.MARKDOWN),
    folder: values.FOLDER === undefined ? null : resolve(values.FOLDER),
  };
}

function readGiven(given: Readonly<Record<string, string | undefined>>) {
  const together = [
    ['SEED', 'SEEDS'],
    ['SECONDS', 'MINUTES'],
  ] as const;
  const clashes = together
    .filter((names) => names.every((name) => given[name] !== undefined))
    .map((names) => `${names.map((name) => flags[name].split(' ')[0]).join(' and ')} exclude each other; give one`);
  try {
    const values = readVariables(given, variables);
    if (clashes.length === 0) return values;
    throw new ConfigError(clashes);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const named = error.faults.map((fault) => nameFlag(fault, flags, given));
    throw new ConfigError([...new Set([...named, ...clashes])]);
  }
}

function describeFaults(): string {
  const width = Math.max(...FAULT_KINDS.map(({ name }) => name.length));
  const lines = (beyondLimits: boolean) =>
    FAULT_KINDS.filter((kind) => (kind.beyondLimits === true) === beyondLimits).map(
      ({ description, name, needsDisk }) =>
        `  ${name.padEnd(width)}  ${description}${needsDisk === true ? ' (where the harness may mount a disk)' : ''}`,
    );
  return ['', 'Faults:', ...lines(false), '', 'Beyond what Hydra promises, only when named:', ...lines(true)].join(
    '\n',
  );
}
