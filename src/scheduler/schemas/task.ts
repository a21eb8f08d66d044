import { Type, type Static } from 'typebox';
import { WAITING_FOR, type TaskDetail } from '../../db/get-task.ts';
import type { TaskRow } from '../../db/task-row.ts';
import type { Backoff, ExitCodes, RetryRule } from '../../domain/retry-policy.ts';
import { runOptionFields } from '../../domain/run-options-input.ts';
import { ON_WORKER_LOST } from '../../domain/run-options.ts';
import { TaskInput } from '../../domain/task-input.ts';
import { REASONS, TASK_STATES } from '../../domain/task-state.ts';
import { UUID_PATTERN } from '../../domain/uuid.ts';
import { Instant, Nullable, Words } from './nullable.ts';

export const TaskId = Type.String({
  pattern: UUID_PATTERN,
  description: 'Id of the task.',
  examples: ['01956c3e-7b1a-7c3d-9e4f-0123456789ab'],
});

export const TaskParams = Type.Object({ task_id: TaskId });

export const TaskInputSchema = {
  ...TaskInput,
  $id: 'TaskInput',
  description: 'What is submitted.',
  oneOf: [{ required: ['command'] }, { required: ['argv'] }],
};

const Labels = Type.Unsafe<Readonly<Record<string, string>>>({
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Labels that its worker must carry.',
});

export const CpuMs = Nullable(
  Type.Integer({ description: 'Processor time of all processes of the attempt; null: not measured.' }),
);
export const PeakMemoryBytes = Nullable(
  Type.Integer({ description: 'Most memory that they had at one time; null: not measured.' }),
);

const properties = {
  id: TaskId,
  command: Nullable(Type.String({ description: 'Run through a shell; null: `argv` is run.' })),
  argv: Nullable(Type.Array(Type.String(), { description: 'A program and its arguments; null: `command` is run.' })),
  scheduled_at: Instant('When it was asked to run.'),
  picked_at: Nullable(Instant('When a coordinator claimed the newest attempt.')),
  started_at: Nullable(Instant('When the newest attempt started.')),
  completed_at: Nullable(Instant('When it ended with exit code 0, or another one that means success.')),
  failed_at: Nullable(Instant('When it ended otherwise.')),
  state: Words(TASK_STATES),
  queue: Type.String(),
  priority: Type.Integer(),
  labels: Labels,
  attempt: Type.Integer({ description: 'Number of the newest attempt; 0 before the first.' }),
  retries: Type.Integer({ description: 'Attempts that followed a failure.' }),
  lost_attempts: Type.Integer({
    description: 'Attempts that ended because a worker or coordinator was lost, or left.',
  }),
  due_at: Instant('When the next attempt may start: `scheduled_at` at first, later for a retry.'),
  created_at: Instant('When it was submitted.'),
  cancelled_at: Nullable(Instant('When it was cancelled.')),
  cancel_requested_at: Nullable(
    Instant('When somebody asked to cancel it while it was claimed or ran: it ends as `cancelled`.'),
  ),
  expired_at: Nullable(Instant('When it was given up, as its start deadline had passed.')),
  start_deadline: Nullable(Instant('Not started by then, it ends as `expired`.')),
  total_timeout_ms: Nullable(Type.Integer({ description: 'Longest time from its first start on; null: any.' })),
  on_worker_lost: Words(ON_WORKER_LOST, { description: 'What becomes of it when its worker is lost while it runs.' }),
  has_stdin: Type.Boolean({ description: 'The command has something to read from its standard input.' }),
  worker_id: Nullable(Type.String({ description: 'The worker that runs or ran the newest attempt.' })),
  exit_code: Nullable(Type.Integer({ description: '0 to 255, when the command ended by itself.' })),
  signal: Nullable(Type.String({ description: 'The signal that ended the command.', examples: ['SIGKILL'] })),
  reason: Nullable(Words(REASONS, { description: 'Why the newest attempt ended.' })),
  error: Nullable(Type.String({ description: 'A sentence, when there is something to say beyond the reason.' })),
  idempotency_key: Nullable(Type.String()),
  duration_ms: Nullable(Type.Integer({ description: 'From start to end of the newest attempt.' })),
  cpu_ms: CpuMs,
  peak_memory_bytes: PeakMemoryBytes,
};

export const TaskSchema = Type.Object(properties, { $id: 'Task', description: 'A task.' });
export type TaskJson = Static<typeof TaskSchema>;

/** Options that were not given are left out, so their defaults are not to be filled in. */
const shownOptions = Object.fromEntries(
  Object.entries(runOptionFields).map(([name, field]) => [name, Type.Optional({ ...field, default: undefined })]),
) as unknown as typeof runOptionFields;

/** Without the limits of the input, which may have been other ones when it was given. */
const AsGiven = <T>(description: string) => Type.Unsafe<T>({ description: `${description} As submitted.` });

export const TaskDetailSchema = Type.Object(
  {
    ...properties,
    max_attempts: Type.Integer({ description: 'How often it is tried in all, when it fails.' }),
    backoff: Type.Optional(AsGiven<Backoff>('How long to wait before each retry.')),
    retry_on: Type.Optional(
      AsGiven<readonly RetryRule[]>('Only failures that one of these rules matches are retried.'),
    ),
    success_exit_codes: Type.Optional(AsGiven<readonly ExitCodes[]>('Exit codes that mean success.')),
    ...shownOptions,
    secret_env: Type.Array(Type.String(), {
      description: 'Names of its secret variables. Their values are never shown.',
    }),
    waiting_for: Nullable(
      Words(WAITING_FOR, {
        description:
          'What it waits for before it starts: its `time`, a `worker` that serves its queue and carries its labels, ' +
          'or a free `slot` of one. null: nothing; it is about to start, runs, or has ended.',
      }),
    ),
  },
  { $id: 'TaskDetail', description: 'A task, with what it waits for and the options that it was given.' },
);
export type TaskDetailJson = Static<typeof TaskDetailSchema>;

/** References to schemas that the app knows by name. */
export const TaskInputRef = Type.Unsafe<TaskInput>({ $ref: 'TaskInput#' });
export const TaskRef = Type.Unsafe<TaskJson>({ $ref: 'Task#', description: 'The task.' });
export const TaskDetailRef = Type.Unsafe<TaskDetailJson>({ $ref: 'TaskDetail#', description: 'The task.' });

const iso = (date: Date | null) => date?.toISOString() ?? null;

export function toTaskJson(task: TaskRow): TaskJson {
  const end = task.completedAt ?? task.failedAt ?? task.cancelledAt;
  return {
    id: task.id,
    command: task.command,
    argv: task.argv === null ? null : [...task.argv],
    scheduled_at: task.scheduledAt.toISOString(),
    picked_at: iso(task.pickedAt),
    started_at: iso(task.startedAt),
    completed_at: iso(task.completedAt),
    failed_at: iso(task.failedAt),
    state: task.state,
    queue: task.queue,
    priority: task.priority,
    labels: task.labels,
    attempt: task.attempt,
    retries: task.retries,
    lost_attempts: task.lostAttempts,
    due_at: task.dueAt.toISOString(),
    created_at: task.createdAt.toISOString(),
    cancelled_at: iso(task.cancelledAt),
    cancel_requested_at: iso(task.cancelRequestedAt),
    expired_at: iso(task.expiredAt),
    start_deadline: iso(task.startDeadline),
    total_timeout_ms: task.totalTimeoutMs,
    on_worker_lost: task.onWorkerLost,
    has_stdin: task.hasStdin,
    worker_id: task.workerId,
    exit_code: task.exitCode,
    signal: task.signal,
    reason: task.reason,
    error: task.error,
    idempotency_key: task.idempotencyKey,
    duration_ms: task.startedAt === null || end === null ? null : end.getTime() - task.startedAt.getTime(),
    cpu_ms: task.cpuMs,
    peak_memory_bytes: task.peakMemoryBytes,
  };
}

export function toTaskDetailJson(task: TaskDetail): TaskDetailJson {
  return {
    ...toTaskJson(task),
    max_attempts: 1,
    ...task.retry,
    ...task.options,
    secret_env: [...task.secretEnvNames],
    waiting_for: task.waitingFor,
  };
}
