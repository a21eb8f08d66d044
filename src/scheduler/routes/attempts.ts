import { Type } from 'typebox';
import { listAttempts, type AttemptRow } from '../../db/list-attempts.ts';
import { REASONS } from '../../domain/task-state.ts';
import { Instant, Nullable, Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import { CpuMs, PeakMemoryBytes, TaskId, TaskParams } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';
import { unknownTask } from './task.ts';

const Attempt = Type.Object({
  attempt: Type.Integer({ description: 'Its number, from 1.' }),
  worker_id: Nullable(Type.String({ description: 'The worker that ran it.' })),
  picked_at: Instant('When a coordinator claimed it.'),
  started_at: Nullable(Instant('When its command started.')),
  ended_at: Nullable(Instant('When it ended; null: it has not.')),
  exit_code: Nullable(Type.Integer({ description: '0 to 255, when the command ended by itself.' })),
  signal: Nullable(Type.String({ description: 'The signal that ended the command.', examples: ['SIGKILL'] })),
  reason: Nullable(Words(REASONS, { description: 'Why it ended.' })),
  error: Nullable(Type.String({ description: 'A sentence, when there is something to say beyond the reason.' })),
  duration_ms: Nullable(Type.Integer({ description: 'From its start to its end.' })),
  cpu_ms: CpuMs,
  peak_memory_bytes: PeakMemoryBytes,
});

/** `GET /schedule/:task_id/attempts` */
export function addAttemptsRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'List the attempts of a task',
    description: 'Every attempt that was made, the oldest first, the one under way included.',
    tags: ['tasks'],
    operationId: 'listAttempts',
    querystring: NoQuery,
    params: TaskParams,
    response: {
      200: Type.Object({ task_id: TaskId, attempts: Type.Array(Attempt) }, { description: 'The attempts.' }),
      ...problems(400, 404, 503),
    },
  };
  app.get('/schedule/:task_id/attempts', { schema }, async (request) => {
    const { task_id: taskId } = request.params;
    const attempts = await listAttempts(db, taskId);
    if (attempts === null) throw unknownTask(taskId);
    return { task_id: taskId.toLowerCase(), attempts: attempts.map(toAttemptJson) };
  });
}

function toAttemptJson(row: AttemptRow) {
  const { endedAt, startedAt } = row;
  return {
    attempt: row.attempt,
    worker_id: row.workerId,
    picked_at: row.pickedAt.toISOString(),
    started_at: startedAt?.toISOString() ?? null,
    ended_at: endedAt?.toISOString() ?? null,
    exit_code: row.exitCode,
    signal: row.signal,
    reason: row.reason,
    error: row.error,
    duration_ms: startedAt === null || endedAt === null ? null : endedAt.getTime() - startedAt.getTime(),
    cpu_ms: row.cpuMs,
    peak_memory_bytes: row.peakMemoryBytes,
  };
}
