import { Type, type Static } from 'typebox';
import { commandFaults, commandFields } from './command-input.ts';
import { secretEnvField } from './environment-input.ts';
import { MAX_FAULTS, type FieldFault } from './errors.ts';
import { fieldPath } from './field-path.ts';
import { DEFAULT_QUEUE, formatLane, NAME_PATTERN, type Labels } from './lane.ts';
import { isRecord } from './raw-input.ts';
import { readRetryPolicy, retryFaults, retryFields } from './retry-input.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { pickRunOptions, runOptionFaults, runOptionFields } from './run-options-input.ts';
import type { RunOptions } from './run-options.ts';
import { faultFinder } from './schema-faults.ts';
import { readStdinInput, stdinFields } from './stdin-input.ts';
import { textFaults } from './text-faults.ts';
import { readTimingInput, timingFields } from './timing-input.ts';

export const MAX_LABELS = 16;
export const MAX_BATCH = 10_000;
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;
export const MIN_PRIORITY = -100;
export const MAX_PRIORITY = 100;

const Name = Type.String({ pattern: NAME_PATTERN });

/** What a user submits, over REST and gRPC alike. {@link normaliseTask} checks it, and what a schema cannot say. */
export const TaskInput = Type.Object(
  {
    ...commandFields,
    ...timingFields,
    queue: Type.Optional(
      Type.Unsafe<string>({ ...Name, description: 'The line it waits in.', default: DEFAULT_QUEUE }),
    ),
    priority: Type.Optional(
      Type.Integer({
        minimum: MIN_PRIORITY,
        maximum: MAX_PRIORITY,
        default: 0,
        description: 'Among due tasks of one queue, higher goes first.',
      }),
    ),
    labels: Type.Optional(
      Type.Unsafe<Labels>({
        type: 'object',
        propertyNames: Name,
        additionalProperties: Name,
        maxProperties: MAX_LABELS,
        description: 'Labels that the worker must carry, each with the same value.',
        examples: [{ region: 'eu' }],
      }),
    ),
    idempotency_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_IDEMPOTENCY_KEY_LENGTH,
        description: 'Submitting again with the same key returns the first task instead of making another.',
      }),
    ),
    ...runOptionFields,
    secret_env: Type.Optional(secretEnvField),
    ...stdinFields,
    ...retryFields,
  },
  { additionalProperties: false, examples: [{ command: 'echo hello', scheduled_at: '2030-01-31T09:00:00Z' }] },
);
export type TaskInput = Static<typeof TaskInput>;

/** A task ready to be stored. */
export interface NewTask {
  /** Exactly one of `command` and `argv` is not `null`. */
  readonly command: string | null;
  readonly argv: readonly string[] | null;
  readonly options: RunOptions;
  /** Never shown; `null`: none. */
  readonly secretEnv: Readonly<Record<string, string>> | null;
  /** `null`: the command reads nothing. */
  readonly stdin: Buffer | null;
  /** `null`: a failure is final, and only exit code 0 is success. */
  readonly retry: RetryPolicy | null;
  /** It is run again when its worker is lost. */
  readonly retryLost: boolean;
  readonly totalTimeoutMs: number | null;
  /** `null`: now, by PostgreSQL's clock. */
  readonly scheduledAt: Date | null;
  readonly startDeadline: Date | null;
  readonly queue: string;
  readonly labels: Labels;
  readonly lane: string;
  readonly priority: number;
  readonly idempotencyKey: string | null;
}

export type Normalised =
  { readonly ok: true; readonly task: NewTask } | { readonly ok: false; readonly faults: readonly FieldFault[] };

const findFaults = faultFinder(TaskInput);

/**
 * Checks whatever somebody sent and fills in defaults. All faults are reported at once, up to {@link MAX_FAULTS}.
 * `root` names the value in them, such as `tasks[3]`; without it fields stand alone.
 */
export function normaliseTask(value: unknown, root = ''): Normalised {
  const at = (name: string) => fieldPath(root, name);
  const raw = isRecord(value) ? value : {};
  const timing = readTimingInput(raw, at);
  const { stdin, faults: stdinFaults } = readStdinInput(raw, at);
  const faults = [
    ...findFaults(value, root),
    // What is no object lacks everything; that it is none has been said.
    ...(isRecord(value) ? commandFaults(raw, at) : []),
    ...timing.faults,
    ...(typeof raw.idempotency_key === 'string' ? textFaults(at('idempotency_key'), raw.idempotency_key) : []),
    ...runOptionFaults(raw, at),
    ...stdinFaults,
    ...retryFaults(raw, at),
  ];
  if (faults.length > 0) return { ok: false, faults: faults.slice(0, MAX_FAULTS) };

  const input = value as TaskInput;
  const queue = input.queue ?? DEFAULT_QUEUE;
  const labels = input.labels ?? {};
  return {
    ok: true,
    task: {
      command: input.command ?? null,
      argv: input.argv ?? null,
      options: pickRunOptions(input),
      secretEnv: Object.keys(input.secret_env ?? {}).length === 0 ? null : (input.secret_env ?? null),
      stdin,
      retry: readRetryPolicy(input),
      retryLost: input.on_worker_lost !== 'fail',
      totalTimeoutMs: input.total_timeout_ms ?? null,
      scheduledAt: timing.scheduledAt,
      startDeadline: timing.startDeadline,
      queue,
      labels,
      lane: formatLane({ queue, labels }),
      priority: input.priority ?? 0,
      idempotencyKey: input.idempotency_key ?? null,
    },
  };
}
