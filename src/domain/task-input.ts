import { Type, type Static } from 'typebox';
import type { FieldFault } from './errors.ts';
import { parseInstant, type ParsedInstant } from './instant.ts';
import { DEFAULT_QUEUE, formatLane, NAME_PATTERN, type Labels } from './lane.ts';
import { faultFinder } from './schema-faults.ts';

/** Longest command in bytes of UTF-8. Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN). */
export const MAX_COMMAND_BYTES = 102_400;
export const MAX_LABELS = 16;
export const MAX_BATCH = 10_000;
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;
export const MIN_PRIORITY = -100;
export const MAX_PRIORITY = 100;

const Name = Type.String({ pattern: NAME_PATTERN });

/** What a user submits, over REST and gRPC alike. {@link normaliseTask} checks it, and what a schema cannot say. */
export const TaskInput = Type.Object(
  {
    command: Type.String({
      minLength: 1,
      description: `Run through \`sh -c\`. At most ${MAX_COMMAND_BYTES} bytes of UTF-8, no NUL.`,
      examples: ['echo hello'],
    }),
    scheduled_at: Type.Optional(
      Type.String({
        description:
          'ISO 8601 instant before which the command does not start. Without an offset it is UTC. Omitted or empty: now.',
        examples: ['2030-01-31T09:00:00Z'],
      }),
    ),
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
  },
  { additionalProperties: false, examples: [{ command: 'echo hello', scheduled_at: '2030-01-31T09:00:00Z' }] },
);
export type TaskInput = Static<typeof TaskInput>;

/** A task ready to be stored. */
export interface NewTask {
  readonly command: string;
  /** `null`: now, by PostgreSQL's clock. */
  readonly scheduledAt: Date | null;
  readonly queue: string;
  readonly labels: Labels;
  readonly lane: string;
  readonly priority: number;
  readonly idempotencyKey: string | null;
}

export type Normalised =
  { readonly ok: true; readonly task: NewTask } | { readonly ok: false; readonly faults: readonly FieldFault[] };

const findFaults = faultFinder(TaskInput);

/** PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: both would be lost or altered on the way. */
function textFault(field: string, text: string): FieldFault[] {
  if (text.includes('\0')) return [{ field, message: 'contains a NUL character; remove it' }];
  if (!text.isWellFormed()) {
    return [{ field, message: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8' }];
  }
  return [];
}

/** What a schema cannot say. Fields of the wrong type are passed over: the schema has reported them. */
function contentFaults(input: object, scheduled: ParsedInstant | null, prefix: string): FieldFault[] {
  const faults: FieldFault[] = [];
  if ('command' in input && typeof input.command === 'string') {
    const field = `${prefix}command`;
    faults.push(...textFault(field, input.command));
    const bytes = Buffer.byteLength(input.command);
    if (bytes > MAX_COMMAND_BYTES) {
      const message = `is ${bytes} bytes long; at most ${MAX_COMMAND_BYTES} are allowed, so put longer ones in a script`;
      faults.push({ field, message });
    }
  }
  if (scheduled?.ok === false) faults.push({ field: `${prefix}scheduled_at`, message: scheduled.message });
  if ('idempotency_key' in input && typeof input.idempotency_key === 'string') {
    faults.push(...textFault(`${prefix}idempotency_key`, input.idempotency_key));
  }
  return faults;
}

/** `null`: now, or not even a text. */
function readScheduledAt(input: object): ParsedInstant | null {
  if (!('scheduled_at' in input) || typeof input.scheduled_at !== 'string' || input.scheduled_at === '') return null;
  return parseInstant(input.scheduled_at);
}

/**
 * Checks whatever somebody sent and fills in defaults. All faults are reported at once.
 * `root` names the value in them, such as `tasks[3]`; without it fields stand alone.
 */
export function normaliseTask(value: unknown, root = ''): Normalised {
  const object = typeof value === 'object' && value !== null ? value : {};
  const scheduled = readScheduledAt(object);
  const faults = [...findFaults(value, root), ...contentFaults(object, scheduled, root === '' ? '' : `${root}.`)];
  if (faults.length > 0) return { ok: false, faults };

  const input = value as TaskInput;
  const queue = input.queue ?? DEFAULT_QUEUE;
  const labels = input.labels ?? {};
  return {
    ok: true,
    task: {
      command: input.command,
      scheduledAt: scheduled?.ok === true ? scheduled.instant : null,
      queue,
      labels,
      lane: formatLane({ queue, labels }),
      priority: input.priority ?? 0,
      idempotencyKey: input.idempotency_key ?? null,
    },
  };
}
