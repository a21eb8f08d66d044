import type {
  AcceptedTask,
  History,
  LedgerLine,
  PlannedTask,
  StoredAttempt,
  StoredTask,
  Transition,
} from '../events.ts';

export type StartLine = Extract<LedgerLine, { kind: 'start' }>;
export type EndLine = Extract<LedgerLine, { kind: 'end' }>;

/** All that is known of one task. */
export interface TaskCase {
  readonly taskId: string;
  /** As accepted, stored or written by a command; empty when nobody says. */
  readonly key: string;
  readonly planned: PlannedTask | undefined;
  readonly accepted: readonly AcceptedTask[];
  readonly stored: StoredTask | undefined;
  readonly archived: readonly StoredAttempt[];
  /** Changes of its state, in order. */
  readonly transitions: readonly Transition[];
  /** Moves of its attempts to `past_attempts`. */
  readonly archivals: readonly Transition[];
  readonly starts: readonly StartLine[];
  readonly ends: readonly EndLine[];
}

const ENDS = new Set(['completed', 'failed', 'cancelled', 'expired']);

export function isEnd(state: string): boolean {
  return ENDS.has(state);
}

/**
 * One case for each task that anybody speaks of.
 * @throws Error when two planned tasks have one key: the harness is at fault then.
 */
export function taskCases(history: History): TaskCase[] {
  const planned = new Map(history.planned.map((task) => [task.key, task]));
  if (planned.size !== history.planned.length) throw new Error('two planned tasks have the same key');
  const accepted = grouped(history.accepted);
  const stored = new Map(history.tasks.map((task) => [task.id, task]));
  const archived = grouped(history.attempts);
  const transitions = grouped(history.transitions);
  const starts = grouped(history.ledger.filter((line) => line.kind === 'start'));
  const ends = grouped(history.ledger.filter((line) => line.kind === 'end'));
  const ids = new Set([accepted, stored, archived, transitions, starts, ends].flatMap((map) => [...map.keys()]));
  return [...ids].map((taskId) => {
    const task = stored.get(taskId);
    const started = starts.get(taskId) ?? [];
    const key = accepted.get(taskId)?.[0]?.key ?? task?.key ?? started[0]?.key ?? '';
    const changes = transitions.get(taskId) ?? [];
    return {
      taskId,
      key,
      planned: planned.get(key),
      accepted: accepted.get(taskId) ?? [],
      stored: task,
      archived: archived.get(taskId) ?? [],
      transitions: changes.filter(({ to }) => to !== 'archived'),
      archivals: changes.filter(({ to }) => to === 'archived'),
      starts: started,
      ends: ends.get(taskId) ?? [],
    };
  });
}

function grouped<T extends { readonly taskId: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group === undefined) groups.set(item.taskId, [item]);
    else group.push(item);
  }
  return groups;
}

/** How PostgreSQL says that an attempt ended. */
export interface AttemptEnd {
  readonly attempt: number;
  readonly reason: string;
  readonly exitCode: number | null;
  readonly workerId: string | null;
  /** Another attempt was to follow, or the task was given up while it waited for one. */
  readonly past: boolean;
}

/** The attempts of a task that have ended, once each, the newest one last. */
export function attemptEnds({ archived, stored }: TaskCase): AttemptEnd[] {
  const byNumber = new Map(archived.map((past) => [past.attempt, { ...past, past: true }]));
  const ends: AttemptEnd[] = [...byNumber.values()];
  // What ended a task while it waited is no end of the attempt before.
  const own = stored !== undefined && stored.attempt > 0 && !byNumber.has(stored.attempt);
  if (own && stored.reason !== null && isEnd(stored.state)) {
    ends.push({ ...stored, reason: stored.reason, past: false });
  }
  return ends;
}
