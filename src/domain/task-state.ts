import { judge, type MaybeRetryPolicy, type RetryCounts } from './retry-policy.ts';

/** States of a task and the one function that says which may follow which. See docs/state-machine.md. */

export const TASK_STATES = ['scheduled', 'picked', 'running', 'completed', 'failed', 'cancelled', 'expired'] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const END_STATES = ['completed', 'failed', 'cancelled', 'expired'] as const;
export type EndState = (typeof END_STATES)[number];

/** Why an attempt ended. */
export const REASONS = [
  'exited',
  'signalled',
  'timed_out',
  'cancelled',
  'worker_lost',
  'rejected',
  'spawn_error',
] as const;
export type Reason = (typeof REASONS)[number];

/** Why an attempt ended, as its worker saw it. `exitCode` is 0 to 255, `signal` such as `SIGKILL`. */
export interface AttemptResult {
  readonly reason: Reason;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly error: string | null;
}

/** How often a task may go back because of infrastructure before it fails with `worker_lost`. */
export const MAX_LOST_ATTEMPTS = 5;

export function isEnd(state: TaskState): state is EndState {
  return (END_STATES as readonly TaskState[]).includes(state);
}

/** What can happen to a task. `attempt` is the fencing token the sender holds. */
export type TaskEvent =
  | { readonly kind: 'claim' }
  /** Its claim goes back; it was never sent to a worker. */
  | { readonly kind: 'release'; readonly attempt: number }
  /** The same, when it was or may have been sent, and does not run. */
  | { readonly kind: 'give_up'; readonly attempt: number }
  | { readonly kind: 'start'; readonly attempt: number }
  | Finish
  /** Its worker or coordinator went away; it started, or may have. */
  | { readonly kind: 'lose'; readonly attempt: number }
  | { readonly kind: 'cancel' }
  /** Its owner drops what was to be cancelled before it was sent. */
  | { readonly kind: 'cancel_claim'; readonly attempt: number }
  /** The time came to give up on a task that waits. */
  | { readonly kind: 'expire' }
  /** The same for one that is claimed and was not sent. */
  | { readonly kind: 'expire_claim'; readonly attempt: number }
  /** Somebody wants an ended task to run again. */
  | { readonly kind: 'retry' };

/** A worker reports an end; `worker_lost`: it hands the attempt back. */
export interface Finish {
  readonly kind: 'finish';
  readonly attempt: number;
  readonly result: AttemptResult;
  /** The command ran, whether or not its start was reported before. */
  readonly started: boolean;
  /** How long the task may still wait for another attempt; `null`: for ever. */
  readonly leftMs: number | null;
}

/** The part of a task that decides what may happen next. */
export interface TaskStanding {
  readonly state: TaskState;
  readonly attempt: number;
  readonly lostAttempts: number;
  readonly retry: MaybeRetryPolicy;
  readonly retryCounts: RetryCounts;
  /** It may run again after it was lost. */
  readonly retryLost: boolean;
  /** Any of its attempts has started. */
  readonly started: boolean;
  /** Any before the newest one has. */
  readonly startedBefore: boolean;
  readonly cancelRequested: boolean;
}

/**
 * What `event` makes of a task, or `null` when it may not happen now: the token is not current, or the state
 * does not allow it. The SQL in src/db says the same in its WHERE clauses; a property test holds the two together.
 * `random` is that of the backoff; it decides when a retry is due, and so whether there is time for it.
 */
export function transition(task: TaskStanding, event: TaskEvent, random = Math.random): TaskStanding | null {
  const current = 'attempt' in event && event.attempt === task.attempt;
  const picked = current && task.state === 'picked';
  const owned = current && (task.state === 'picked' || task.state === 'running');
  switch (event.kind) {
    case 'claim':
      if (task.state !== 'scheduled') return null;
      return { ...task, state: 'picked', attempt: task.attempt + 1, startedBefore: task.started };
    case 'release':
      // Only the owner releases, and only what it never sent to a worker, so the number can be used again.
      return picked ? (cancelled(task) ?? { ...task, state: 'scheduled', attempt: task.attempt - 1 }) : null;
    case 'give_up':
      // It was, or may have been, sent: the number is spent.
      return picked ? (cancelled(task) ?? { ...task, state: 'scheduled' }) : null;
    case 'start':
      return owned ? { ...task, state: 'running', started: true } : null;
    case 'finish':
      return owned ? (cancelled(task) ?? finished(task, event, random)) : null;
    case 'lose':
      return owned ? (cancelled(task) ?? lost(task)) : null;
    case 'cancel':
      if (task.state === 'scheduled') return { ...task, state: 'cancelled' };
      if (isEnd(task.state) || task.cancelRequested) return null;
      return { ...task, cancelRequested: true };
    case 'cancel_claim':
      return picked ? cancelled(task) : null;
    case 'expire':
      return task.state === 'scheduled' ? givenUp(task) : null;
    case 'expire_claim':
      return picked && !task.cancelRequested ? givenUp(task) : null;
    case 'retry':
      if (!isEnd(task.state)) return null;
      return { ...task, state: 'scheduled', lostAttempts: 0, retryCounts: [], started: false, cancelRequested: false };
  }
}

/** Once a cancel is accepted, whatever ends the attempt ends the task. */
function cancelled(task: TaskStanding): TaskStanding | null {
  return task.cancelRequested ? { ...task, state: 'cancelled' } : null;
}

function finished(task: TaskStanding, { leftMs, result, started }: Finish, random: () => number): TaskStanding {
  const ran = { ...task, started: task.started || started };
  if (result.reason === 'cancelled') return { ...ran, state: 'cancelled' };
  // What is handed back before it started runs again whatever the task says of that; its number is spent. It may count
  // as running, since a worker that registers names what it is about to start.
  if (result.reason === 'worker_lost') {
    return started ? lost(ran) : { ...task, state: 'scheduled', started: task.startedBefore };
  }
  const verdict = judge(task.retry, task.retryCounts, result, random);
  if (verdict.kind !== 'retry') return { ...ran, state: verdict.kind };
  const waiting = { ...ran, state: 'scheduled', retryCounts: verdict.counts } as const;
  return leftMs !== null && verdict.delayMs > leftMs ? givenUp(waiting) : waiting;
}

function lost(task: TaskStanding): TaskStanding {
  if (!task.retryLost || task.lostAttempts >= MAX_LOST_ATTEMPTS) return { ...task, state: 'failed' };
  return { ...task, state: 'scheduled', lostAttempts: task.lostAttempts + 1 };
}

/** Its start deadline has passed, or the time that all attempts may take together. */
function givenUp(task: TaskStanding): TaskStanding {
  return { ...task, state: task.started ? 'failed' : 'expired' };
}
