import { Type, type Static } from 'typebox';
import type { FieldFault } from './errors.ts';
import { parseInstant } from './instant.ts';
import { DEFAULT_QUEUE, formatLane, NAME_PATTERN, type Labels } from './lane.ts';

/** Longest command in bytes of UTF-8. Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN). */
export const MAX_COMMAND_BYTES = 102_400;
export const MAX_LABELS = 16;
export const MAX_BATCH = 10_000;
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;
export const MIN_PRIORITY = -100;
export const MAX_PRIORITY = 100;

const Name = Type.String({ pattern: NAME_PATTERN });

/** What a user submits. The schema of REST and gRPC alike; {@link normaliseTask} checks what a schema cannot say. */
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
      Type.Record(Name, Name, {
        additionalProperties: false,
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
  { additionalProperties: false },
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

/** PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: both would be lost or altered on the way. */
function textFault(field: string, text: string): FieldFault[] {
  if (text.includes('\0')) return [{ field, message: 'contains a NUL character; remove it' }];
  if (!text.isWellFormed()) {
    return [{ field, message: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8' }];
  }
  return [];
}

/**
 * Checks what the schema cannot say and fills in defaults. `prefix` goes before field names, such as `tasks[3].`.
 */
export function normaliseTask(input: TaskInput, prefix = ''): Normalised {
  const faults: FieldFault[] = textFault(`${prefix}command`, input.command);
  const bytes = Buffer.byteLength(input.command);
  if (bytes > MAX_COMMAND_BYTES) {
    const message = `is ${bytes} bytes long; at most ${MAX_COMMAND_BYTES} are allowed, so put longer ones in a script`;
    faults.push({ field: `${prefix}command`, message });
  }
  if (input.idempotency_key !== undefined) faults.push(...textFault(`${prefix}idempotency_key`, input.idempotency_key));

  let scheduledAt: Date | null = null;
  if (input.scheduled_at !== undefined && input.scheduled_at !== '') {
    const parsed = parseInstant(input.scheduled_at);
    if (parsed.ok) scheduledAt = parsed.instant;
    else faults.push({ field: `${prefix}scheduled_at`, message: parsed.message });
  }
  if (faults.length > 0) return { ok: false, faults };

  const queue = input.queue ?? DEFAULT_QUEUE;
  const labels = input.labels ?? {};
  return {
    ok: true,
    task: {
      command: input.command,
      scheduledAt,
      queue,
      labels,
      lane: formatLane({ queue, labels }),
      priority: input.priority ?? 0,
      idempotencyKey: input.idempotency_key ?? null,
    },
  };
}
