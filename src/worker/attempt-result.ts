import type { Signal } from '../domain/signals.ts';
import type { AttemptResult } from '../domain/task-state.ts';

/** Why the worker stops a command that has not ended by itself. */
export type StopCause =
  | { readonly kind: 'timed_out'; readonly error: string }
  | { readonly kind: 'cancelled' }
  /** The worker has to leave: somebody else is to run it. */
  | { readonly kind: 'handed_back' }
  /** The worker's lease has ended: somebody else may run it. */
  | { readonly kind: 'fenced' }
  | { readonly kind: 'output_limit'; readonly limitBytes: number };

export const STOP_CAUSES: readonly StopCause['kind'][] = [
  'timed_out',
  'cancelled',
  'handed_back',
  'fenced',
  'output_limit',
];

/** As many as a coordinator keeps. */
const MOST_ERROR_CHARS = 4_096;

/**
 * How a process ended; both `null`: it could not be killed.
 *
 * What a real-time signal (32 and up) ended is an exit with code 0 here, since that is what Node makes of it: its
 * `exit` event has no name for these signals and leaves them out.
 */
export interface Exit {
  /** 0 to 255. */
  readonly exitCode: number | null;
  /** Such as SIGKILL. */
  readonly signal: string | null;
}

export interface AttemptEnd {
  readonly exit: Exit;
  /** `null`: it ended by itself. */
  readonly cause: StopCause | null;
  /** The first signal it is stopped with. */
  readonly stopSignal: Signal;
  /** Processes of the attempt that could not be killed. */
  readonly survivors: number;
}

/**
 * The result of an attempt that was started. `sh` itself reports a child that a signal ended as exit code 128 + n when
 * it survives that child; it is kept as the exit code that it is.
 */
export function resultOf({ exit, cause, stopSignal, survivors }: AttemptEnd): AttemptResult {
  const result = cause === null ? resultOfExit(exit) : resultOfStop(cause, exit, stopSignal);
  if (survivors === 0) return result;
  const left = `${survivors} ${survivors === 1 ? 'process' : 'processes'} could not be killed`;
  return { ...result, error: result.error === null ? left : `${result.error}; ${left}` };
}

/** The result of an attempt that was stopped before its command was started. */
export function resultOfUnstarted(cause: StopCause, stopSignal: Signal): AttemptResult {
  return resultOfStop(cause, { exitCode: null, signal: null }, stopSignal);
}

/**
 * The result of an attempt whose command could not be started; `error` is a sentence that says why. What it quotes, such
 * as a PATH, can be long, and is cut.
 */
export function spawnError(error: string): AttemptResult {
  return { reason: 'spawn_error', exitCode: null, signal: null, error: error.slice(0, MOST_ERROR_CHARS) };
}

function resultOfExit({ exitCode, signal }: Exit): AttemptResult {
  return { reason: signal === null ? 'exited' : 'signalled', exitCode, signal, error: null };
}

function resultOfStop(cause: StopCause, exit: Exit, stopSignal: Signal): AttemptResult {
  const { exitCode, signal } = exit;
  switch (cause.kind) {
    case 'timed_out':
      return { reason: 'timed_out', exitCode, signal, error: cause.error };
    case 'cancelled':
      return { reason: 'cancelled', exitCode, signal, error: null };
    case 'handed_back':
      return {
        reason: 'worker_lost',
        exitCode,
        signal,
        error: 'handed back: the worker had to leave before it ended',
      };
    case 'fenced':
      // Before it was killed it had ended by itself, perhaps while the worker was halted: that is true whoever owns it.
      if (exitCode !== null) return resultOfExit(exit);
      return { reason: 'worker_lost', exitCode, signal, error: 'its worker could not renew its lease' };
    case 'output_limit': {
      // Never an exit, since a command that answers the signal with an exit code of success has not succeeded: what it
      // wrote is not all there. The same for one that ended by itself before the signal reached it.
      const tooMuch = `wrote more than output_limit_bytes (${cause.limitBytes})`;
      return {
        reason: 'signalled',
        exitCode: null,
        signal: signal ?? stopSignal,
        error: exitCode === null ? tooMuch : `${tooMuch}, then ended with exit code ${exitCode}`,
      };
    }
  }
}
