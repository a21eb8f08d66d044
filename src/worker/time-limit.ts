import type { RunOptions } from '../domain/run-options.ts';
import type { Signal } from '../domain/signals.ts';

/** How long an attempt may run. */
export interface TimeLimit {
  readonly afterMs: number;
  /** What is said of an attempt that ran longer. */
  readonly error: string;
  /** `null`: no warning. */
  readonly warning: { readonly afterMs: number; readonly signal: Signal } | null;
}

/** What is said of an attempt that ran when the time of its task was over. */
export const TOTAL_TIMEOUT_ERROR = 'the task took longer than total_timeout_ms';

/**
 * The nearer of the attempt's own timeout and what is left of the task's total one; `null`: neither is given. A
 * warning whose moment was before the start is not given: the command would get it before it can be ready for it.
 */
export function timeLimitOf(options: RunOptions, totalTimeoutLeftMs: number | null): TimeLimit | null {
  const ownMs = options.timeout_ms ?? Infinity;
  const totalMs = totalTimeoutLeftMs ?? Infinity;
  const afterMs = Math.min(ownMs, totalMs);
  if (afterMs === Infinity) return null;
  const warnAtMs = afterMs - (options.warn_before_ms ?? 0);
  return {
    afterMs,
    error: ownMs <= totalMs ? `ran longer than timeout_ms (${ownMs} ms)` : TOTAL_TIMEOUT_ERROR,
    warning:
      options.warn_signal === undefined || warnAtMs < 0 ? null : { afterMs: warnAtMs, signal: options.warn_signal },
  };
}
