import type { Reason, TaskState } from '../domain/task-state.ts';
import type { Queryable } from './pool.ts';

/** Whose output somebody follows. */
export interface OutputTopic {
  readonly taskId: string;
  /** `null`: the newest, whichever that is. */
  readonly attempt: number | null;
}

/** How far a task is. */
export interface OutputProgress extends OutputTopic {
  readonly state: TaskState;
  /** The number of the task's newest attempt; 0 before the first. */
  readonly newestAttempt: number;
  /** Position of the end of what is stored of the attempt. */
  readonly outputEnd: number;
  /** How the attempt ended, or the task without one; `null` each as long as there is nothing to say. */
  readonly reason: Reason | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly error: string | null;
}

const SQL = /* sql */ `
  SELECT topic.id AS "taskId", topic.attempt, t.state, t.attempt AS "newestAttempt",
    coalesce(o.output_end, 0)::float8 AS "outputEnd",
    facts.reason, facts.exit_code AS "exitCode", facts.signal, facts.error
  FROM unnest($1::uuid[], $2::int[]) AS topic (id, attempt)
  JOIN tasks t ON t.id = topic.id
  LEFT JOIN past_attempts past ON past.task_id = t.id AND past.attempt = topic.attempt
  LEFT JOIN LATERAL (
    SELECT stdout_end + stderr_end AS output_end FROM output_chunks
    WHERE task_id = t.id AND attempt = coalesce(topic.attempt, t.attempt)
    ORDER BY start_at DESC LIMIT 1
  ) o ON true
  CROSS JOIN LATERAL (
    SELECT past.reason, past.exit_code, past.signal, past.error WHERE past.attempt IS NOT NULL
    UNION ALL
    SELECT t.reason, t.exit_code, t.signal, t.error WHERE past.attempt IS NULL
  ) facts
`;

/** How far tasks and their output are. Those that do not exist are left out. */
export async function watchOutputs(db: Queryable, topics: readonly OutputTopic[]): Promise<OutputProgress[]> {
  if (topics.length === 0) return [];
  const values = [topics.map(({ taskId }) => taskId), topics.map(({ attempt }) => attempt)];
  const { rows } = await db.query<OutputProgress>({ name: 'watch-outputs', text: SQL, values });
  return rows;
}
