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
  | { readonly kind: 'release'; readonly attempt: number }
  | { readonly kind: 'give_up'; readonly attempt: number }
  | { readonly kind: 'start'; readonly attempt: number }
  | { readonly kind: 'finish'; readonly attempt: number; readonly result: AttemptResult }
  | { readonly kind: 'lose'; readonly attempt: number }
  | { readonly kind: 'cancel' };

/** The part of a task that decides what may happen next. */
export interface TaskStanding {
  readonly state: TaskState;
  readonly attempt: number;
  readonly lostAttempts: number;
}

/** The end that a result leads to. */
export function endOf(result: AttemptResult): EndState {
  return result.reason === 'exited' && result.exitCode === 0 ? 'completed' : 'failed';
}

/**
 * What `event` makes of a task, or `null` when it may not happen now: the token is not current, or the state
 * does not allow it. The SQL in src/db says the same in its WHERE clauses; a property test holds the two together.
 */
export function transition(task: TaskStanding, event: TaskEvent): TaskStanding | null {
  const owned = task.state === 'picked' || task.state === 'running';
  switch (event.kind) {
    case 'claim':
      return task.state === 'scheduled' ? { ...task, state: 'picked', attempt: task.attempt + 1 } : null;
    case 'release':
      // Only the owner releases, and only what it never sent to a worker, so the number can be used again.
      return task.state === 'picked' && task.attempt === event.attempt
        ? { ...task, state: 'scheduled', attempt: task.attempt - 1 }
        : null;
    case 'give_up':
      // It was, or may have been, sent: the number is spent.
      return task.state === 'picked' && task.attempt === event.attempt ? { ...task, state: 'scheduled' } : null;
    case 'start':
      return task.state === 'picked' && task.attempt === event.attempt ? { ...task, state: 'running' } : null;
    case 'finish':
      return owned && task.attempt === event.attempt ? { ...task, state: endOf(event.result) } : null;
    case 'lose':
      if (!owned || task.attempt !== event.attempt) return null;
      return task.lostAttempts >= MAX_LOST_ATTEMPTS
        ? { ...task, state: 'failed' }
        : { ...task, state: 'scheduled', lostAttempts: task.lostAttempts + 1 };
    case 'cancel':
      return task.state === 'scheduled' || task.state === 'picked' ? { ...task, state: 'cancelled' } : null;
  }
}
