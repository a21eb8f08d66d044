import { Type, type TSchema } from 'typebox';
import { environmentFaults, envField } from './environment-input.ts';
import type { FieldFault } from './errors.ts';
import { ABSOLUTE_PATH_PATTERN, PROGRAM_PATTERN, UMASK_PATTERN, USER_PATTERN } from './patterns.ts';
import type { FieldNamer, RawInput } from './raw-input.ts';
import {
  BACKGROUND,
  DEFAULT_GRACE_MS,
  DEFAULT_OUTPUT_LIMIT_BYTES,
  MAX_OUTPUT_LIMIT_BYTES,
  ON_OUTPUT_LIMIT,
  type Limits,
  type RunOptions,
} from './run-options.ts';
import { SIGNALS, type Signal } from './signals.ts';
import { textFaults } from './text-faults.ts';
import { Words } from './words.ts';

/** Longest time that a task may give: a year. */
export const MAX_DURATION_MS = 365 * 24 * 60 * 60 * 1000;
const MAX_GRACE_MS = 60 * 60 * 1000;
const MAX_PATH_LENGTH = 4_096;

/** They suspend a command or say that something else happened to it; none asks it to end. */
const NO_REQUEST: readonly Signal[] = ['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT', 'SIGCHLD'];
export const STOP_SIGNALS: readonly Signal[] = SIGNALS.filter((signal) => !NO_REQUEST.includes(signal));
/** A warning leaves the command running. */
export const WARN_SIGNALS: readonly Signal[] = STOP_SIGNALS.filter((signal) => signal !== 'SIGKILL');

const limit = (maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, description }));

/** Every field of {@link RunOptions}, as a user gives it. */
export const runOptionFields = {
  shell: Type.Optional(
    Type.String({
      pattern: PROGRAM_PATTERN,
      maxLength: MAX_PATH_LENGTH,
      description: 'Program that is given `-c` and `command`.',
      default: 'sh',
      examples: ['bash'],
    }),
  ),
  env: Type.Optional(envField),
  cwd: Type.Optional(
    Type.String({
      pattern: ABSOLUTE_PATH_PATTERN,
      maxLength: MAX_PATH_LENGTH,
      description: "Folder that it runs in, an absolute path on the worker. Default: the worker's own.",
      examples: ['/var/tmp'],
    }),
  ),
  umask: Type.Optional(
    Type.String({
      pattern: UMASK_PATTERN,
      description: "Permissions that files it creates do not get, three octal digits. Default: the worker's own.",
      examples: ['027'],
    }),
  ),
  user: Type.Optional(
    Type.String({
      pattern: USER_PATTERN,
      description: "Name of the user it runs as, where the worker may switch. Default: the worker's own.",
      examples: ['nobody'],
    }),
  ),
  timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_DURATION_MS,
      description: 'Longest time of one attempt; then it is stopped. Default: none.',
      examples: [60_000],
    }),
  ),
  warn_signal: Type.Optional(
    Words(WARN_SIGNALS, {
      description: 'Sent to the command `warn_before_ms` before its timeout, so that it can save what it has.',
      examples: ['SIGUSR1'],
    }),
  ),
  warn_before_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_DURATION_MS,
      description: 'How long before its timeout the command is sent `warn_signal`. Less than `timeout_ms`.',
      examples: [10_000],
    }),
  ),
  stop_signal: Type.Optional(
    Words(STOP_SIGNALS, {
      description: 'First signal to all its processes when it is stopped; SIGKILL follows after `grace_ms`.',
      default: 'SIGTERM',
      examples: ['SIGINT'],
    }),
  ),
  grace_ms: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_GRACE_MS,
      description: 'From `stop_signal` to SIGKILL when it is stopped.',
      default: DEFAULT_GRACE_MS,
    }),
  ),
  background: Type.Optional(
    Words(BACKGROUND, {
      description:
        'What becomes of processes that the command leaves behind when it ends: they are killed, or `allow`ed to live on.',
      default: 'kill',
    }),
  ),
  merge_stderr: Type.Optional(
    Type.Boolean({
      description:
        'stderr goes where stdout goes, so that the order of the two is exact and they cannot be told apart.',
      default: false,
    }),
  ),
  output_limit_bytes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_OUTPUT_LIMIT_BYTES,
      description:
        'Bytes of output that are kept of an attempt: the first half and the last half of them. Default: what the ' +
        `worker is configured to, ${DEFAULT_OUTPUT_LIMIT_BYTES} unless changed.`,
    }),
  ),
  on_output_limit: Type.Optional(
    Words(ON_OUTPUT_LIMIT, {
      description: 'What becomes of a command that writes more than is kept: the middle is dropped, or it is stopped.',
      default: 'truncate',
    }),
  ),
  limits: Type.Optional(
    Type.Unsafe<Limits>(
      Type.Object(
        {
          memory_bytes: limit(2 ** 50, 'Memory.'),
          open_files: limit(2 ** 20, 'Files and connections that a process has open at once.'),
          processes: limit(2 ** 22, 'Processes and threads at once.'),
          cpu_seconds: limit(MAX_DURATION_MS / 1000, 'Processor time.'),
        },
        {
          additionalProperties: false,
          minProperties: 1,
          description: 'The most it may use, where the worker can limit that. Default of each: as the worker.',
          examples: [{ memory_bytes: 536_870_912, processes: 100 }],
        },
      ),
    ),
  ),
  nice: Type.Optional(
    Type.Integer({
      minimum: -20,
      maximum: 19,
      description:
        'The higher, the more it leaves to others; below 0 the worker must be privileged. Default: as the worker.',
    }),
  ),
} satisfies Record<keyof RunOptions, TSchema>;

const NAMES = Object.keys(runOptionFields) as (keyof RunOptions)[];

/** The options among the fields of an input, those that were given. */
export function pickRunOptions(input: RunOptions): RunOptions {
  return Object.fromEntries(NAMES.filter((name) => input[name] !== undefined).map((name) => [name, input[name]]));
}

/** What the schema cannot say about the options: how they go together. */
export function runOptionFaults(input: RawInput, at: FieldNamer): FieldFault[] {
  const faults = [...environmentFaults(input, at), ...warningFaults(input, at)];
  for (const name of ['shell', 'cwd']) {
    const text = input[name];
    if (typeof text === 'string') faults.push(...textFaults(at(name), text));
  }
  if (input.shell !== undefined && input.argv !== undefined) {
    faults.push({ field: at('shell'), message: 'has no use with argv, which runs without a shell; leave it out' });
  }
  return faults;
}

function warningFaults(input: RawInput, at: FieldNamer): FieldFault[] {
  const { timeout_ms: timeout, warn_before_ms: before, warn_signal: signal } = input;
  if (signal === undefined && before === undefined) return [];
  const faults: FieldFault[] = [];
  if (signal === undefined) {
    faults.push({
      field: at('warn_signal'),
      message: 'is missing; say which signal is to come warn_before_ms before the timeout',
    });
  }
  if (before === undefined) {
    faults.push({
      field: at('warn_before_ms'),
      message: 'is missing; say how long before the timeout warn_signal is to come',
    });
  }
  if (timeout === undefined) {
    faults.push({ field: at('timeout_ms'), message: 'is missing; without it there is nothing to warn of' });
  }
  if (typeof timeout === 'number' && typeof before === 'number' && before >= timeout) {
    faults.push({
      field: at('warn_before_ms'),
      message: `is ${before}; give less than timeout_ms, which is ${timeout}`,
    });
  }
  return faults;
}
