import type { Environment } from '../runtime/config.ts';
import type { Attempt } from '../rpc/messages.ts';
import type { Account } from './accounts.ts';

/** What a program needs to find its way, and nothing that could be a secret. */
const BASE = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_*', 'TZ', 'TMPDIR'];

/** Of the worker's channel to its parent: the descriptor that they name is not passed on. */
const NEVER = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID'];

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The part of the worker's environment that every command gets. `passed`: names of further variables, `PREFIX_*` for
 * all that begin with PREFIX_.
 */
export function baseEnvironment(own: Environment, passed: readonly string[]): Record<string, string> {
  const isPassed = matcher([...BASE, ...passed]);
  const kept: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && isPassed(name) && !NEVER.includes(name)) kept[name] = value;
  }
  return kept;
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

export interface EnvironmentParts {
  /** As {@link baseEnvironment} gives it. */
  readonly base: Readonly<Record<string, string>>;
  /** Whom the command runs as; `null`: as the worker. */
  readonly account: Account | null;
  readonly attempt: Attempt;
  readonly workerId: string;
  /** From when the attempt came to now. */
  readonly waitedMs: number;
  /** What its processes are found by. */
  readonly marks: Readonly<Record<string, string>>;
}

/** The whole environment of a command; what comes later wins. */
export function commandEnvironment(parts: EnvironmentParts): Record<string, string> {
  const { run } = parts.attempt;
  return {
    ...parts.base,
    ...(parts.account === null ? {} : accountEnvironment(parts.account)),
    ...run.options.env,
    ...run.secretEnv,
    ...attemptEnvironment(parts),
    ...parts.marks,
  };
}

function accountEnvironment({ name, home, shell }: Account): Record<string, string> {
  return { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}

/** What a command learns about itself. */
function attemptEnvironment({ attempt, workerId, waitedMs }: EnvironmentParts): Record<string, string> {
  return {
    HYDRA_TASK_ID: attempt.ref.taskId,
    HYDRA_ATTEMPT: String(attempt.ref.attempt),
    HYDRA_QUEUE: attempt.queue,
    HYDRA_WORKER_ID: workerId,
    HYDRA_SCHEDULED_AT: formatInstant(attempt.scheduledAtUs),
    HYDRA_LATE_MS: String(Math.max(0, Math.floor(attempt.lateUs / 1_000 + waitedMs))),
  };
}

/** ISO 8601 in UTC; empty for what no Date can hold, since the wire can carry that. */
function formatInstant(us: number): string {
  const instant = new Date(us / 1_000);
  return Number.isNaN(instant.getTime()) ? '' : instant.toISOString();
}
