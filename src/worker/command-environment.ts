import type { Environment } from '../runtime/config.ts';
import type { Attempt } from '../rpc/messages.ts';

/**
 * Variables of the worker that commands do not see: Hydra's own, what could hold the credentials of the database, the
 * IPC channel to the parent process, and what npm adds when it started the worker.
 */
const WITHHELD = /^(HYDRA_|DATABASE_URL$|POSTGRES_|PG|NODE_CHANNEL_|NODE_UNIQUE_ID$|npm_|INIT_CWD$)/;

/** The part of the worker's environment that every command gets. */
export function inheritedEnvironment(own: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !WITHHELD.test(name)) kept[name] = value;
  }
  return kept;
}

/** What a command learns about itself. */
export function attemptEnvironment(attempt: Attempt, workerId: string): Record<string, string> {
  return {
    HYDRA_TASK_ID: attempt.ref.taskId,
    HYDRA_ATTEMPT: String(attempt.ref.attempt),
    HYDRA_QUEUE: attempt.queue,
    HYDRA_WORKER_ID: workerId,
    HYDRA_SCHEDULED_AT: formatInstant(attempt.scheduledAtUs),
  };
}

/** ISO 8601 in UTC; empty for what no Date can hold, since the wire can carry that. */
function formatInstant(us: number): string {
  const instant = new Date(us / 1_000);
  return Number.isNaN(instant.getTime()) ? '' : instant.toISOString();
}
