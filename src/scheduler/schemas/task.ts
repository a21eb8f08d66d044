import { Type, type Static } from 'typebox';
import { WAITING_FOR, type TaskDetail } from '../../db/get-task.ts';
import type { TaskRow } from '../../db/task-row.ts';
import { TaskInput } from '../../domain/task-input.ts';
import { REASONS, TASK_STATES } from '../../domain/task-state.ts';
import { UUID_PATTERN } from '../../domain/uuid.ts';
import { Instant, Nullable, Words } from './nullable.ts';

export const TaskId = Type.String({
  pattern: UUID_PATTERN,
  description: 'Id of the task.',
  examples: ['01956c3e-7b1a-7c3d-9e4f-0123456789ab'],
});

export const TaskInputSchema = { ...TaskInput, $id: 'TaskInput', description: 'What is submitted.' };

const Labels = Type.Unsafe<Readonly<Record<string, string>>>({
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Labels that its worker must carry.',
});

const properties = {
  id: TaskId,
  command: Type.String({ description: 'Run through `sh -c`.' }),
  scheduled_at: Instant('When it was asked to run.'),
  picked_at: Nullable(Instant('When a coordinator claimed the newest attempt.')),
  started_at: Nullable(Instant('When the newest attempt started.')),
  completed_at: Nullable(Instant('When it ended with exit code 0.')),
  failed_at: Nullable(Instant('When it ended otherwise.')),
  state: Words(TASK_STATES),
  queue: Type.String(),
  priority: Type.Integer(),
  labels: Labels,
  attempt: Type.Integer({ description: 'Number of the newest attempt; 0 before the first.' }),
  lost_attempts: Type.Integer({ description: 'Attempts that ended because a worker or coordinator was lost.' }),
  due_at: Instant('When the next attempt may start: `scheduled_at` at first, later for a retry.'),
  created_at: Instant('When it was submitted.'),
  cancelled_at: Nullable(Instant('When it was cancelled.')),
  expired_at: Nullable(Instant('When its start deadline passed.')),
  worker_id: Nullable(Type.String({ description: 'The worker that runs or ran the newest attempt.' })),
  exit_code: Nullable(Type.Integer({ description: '0 to 255, when the command ended by itself.' })),
  signal: Nullable(Type.String({ description: 'The signal that ended the command.', examples: ['SIGKILL'] })),
  reason: Nullable(Words(REASONS, { description: 'Why the newest attempt ended.' })),
  error: Nullable(Type.String({ description: 'A sentence, when there is something to say beyond the reason.' })),
  idempotency_key: Nullable(Type.String()),
  duration_ms: Nullable(Type.Integer({ description: 'From start to end of the newest attempt.' })),
};

export const TaskSchema = Type.Object(properties, { $id: 'Task', description: 'A task.' });
export type TaskJson = Static<typeof TaskSchema>;

export const TaskDetailSchema = Type.Object(
  {
    ...properties,
    waiting_for: Nullable(
      Words(WAITING_FOR, {
        description:
          'What it waits for before it starts: its `time`, a `worker` that serves its queue and carries its labels, ' +
          'or a free `slot` of one. null: nothing; it is about to start, runs, or has ended.',
      }),
    ),
  },
  { $id: 'TaskDetail', description: 'A task, with what it waits for.' },
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
    lost_attempts: task.lostAttempts,
    due_at: task.dueAt.toISOString(),
    created_at: task.createdAt.toISOString(),
    cancelled_at: iso(task.cancelledAt),
    expired_at: iso(task.expiredAt),
    worker_id: task.workerId,
    exit_code: task.exitCode,
    signal: task.signal,
    reason: task.reason,
    error: task.error,
    idempotency_key: task.idempotencyKey,
    duration_ms: task.startedAt === null || end === null ? null : end.getTime() - task.startedAt.getTime(),
  };
}

export function toTaskDetailJson(task: TaskDetail): TaskDetailJson {
  return { ...toTaskJson(task), waiting_for: task.waitingFor };
}
