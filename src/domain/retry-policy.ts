import type { AttemptResult, Reason } from './task-state.ts';

/** When an attempt that failed is followed by another one, and how long after. Spelt as in the API. */
export interface RetryPolicy {
  /** Attempts that end by themselves, the first included; those lost to infrastructure are not counted. */
  readonly max_attempts: number;
  readonly backoff?: Backoff;
  /** Only failures that one of these matches are retried; absent: all but `cancelled` and `rejected`. */
  readonly retry_on?: readonly RetryRule[];
  /** Default: only 0. */
  readonly success_exit_codes?: readonly ExitCodes[];
}

/** One exit code, or a range such as `64-78`. */
export type ExitCodes = number | string;

export type Backoff =
  | {
      readonly type: 'exponential';
      readonly base_ms?: number;
      readonly factor?: number;
      readonly max_ms?: number;
      /** `full`: anywhere from 0 to the delay. */
      readonly jitter?: 'full' | 'none';
    }
  | { readonly type: 'fixed'; readonly delay_ms: number }
  /** The n-th delay comes before the n-th retry; the last one repeats. */
  | { readonly type: 'list'; readonly delays_ms: readonly number[] };

/** A kind of failure that is worth another attempt; `max_retries` bounds the retries by this rule alone. */
export type RetryRule =
  | { readonly on: 'exit_code'; readonly codes: readonly ExitCodes[]; readonly max_retries?: number }
  | { readonly on: 'signal'; readonly signals?: readonly string[]; readonly max_retries?: number }
  | { readonly on: 'timeout' | 'spawn_error'; readonly max_retries?: number };

/** How often a task was retried: in all, then by each rule of `retry_on`. May be shorter than the rules: 0 then. */
export type RetryCounts = readonly number[];

export type Verdict =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly counts: RetryCounts };

/** `null`: no policy, so the first failure is final and only exit code 0 is success. */
export type MaybeRetryPolicy = RetryPolicy | null;

/** What follows from how an attempt ended. `random` returns 0 ≤ x < 1. */
export type Judge = (
  policy: MaybeRetryPolicy,
  counts: RetryCounts,
  result: AttemptResult,
  random: () => number,
) => Verdict;

/** Default backoff, and what an exponential one takes for what it does not say. */
export const DEFAULT_BACKOFF = {
  type: 'exponential',
  base_ms: 1_000,
  factor: 2,
  max_ms: 300_000,
  jitter: 'full',
} as const;

/** The longest wait before a retry, whatever a policy says. */
export const MAX_DELAY_MS = 365 * 24 * 60 * 60 * 1_000;

const NEVER_RETRIED: readonly Reason[] = ['cancelled', 'rejected', 'worker_lost'];

/** Whether `code` is one of `codes`. */
export function includesCode(codes: readonly ExitCodes[], code: number): boolean {
  return codes.some((entry) => {
    if (typeof entry === 'number') return entry === code;
    const [first, last = first] = entry.split('-').map(Number);
    return first !== undefined && last !== undefined && first <= code && code <= last;
  });
}

function succeeded(policy: MaybeRetryPolicy, { exitCode, reason }: AttemptResult): boolean {
  return reason === 'exited' && exitCode !== null && includesCode(policy?.success_exit_codes ?? [0], exitCode);
}

function matches(rule: RetryRule, { exitCode, reason, signal }: AttemptResult): boolean {
  switch (rule.on) {
    case 'exit_code':
      return reason === 'exited' && exitCode !== null && includesCode(rule.codes, exitCode);
    case 'signal':
      return reason === 'signalled' && (rule.signals === undefined || rule.signals.includes(signal ?? ''));
    case 'timeout':
      return reason === 'timed_out';
    case 'spawn_error':
      return reason === 'spawn_error';
  }
}

/** The delay before the n-th retry, in whole milliseconds. */
function delayBefore(retry: number, backoff: Backoff, random: () => number): number {
  switch (backoff.type) {
    case 'exponential': {
      const { base_ms, factor, jitter, max_ms } = { ...DEFAULT_BACKOFF, ...backoff };
      // 0 times a power beyond all numbers is not a number.
      const grown = base_ms === 0 ? 0 : base_ms * factor ** (retry - 1);
      const delay = Math.min(grown, max_ms, MAX_DELAY_MS);
      return Math.floor(jitter === 'full' ? random() * delay : delay);
    }
    case 'fixed':
      return Math.min(backoff.delay_ms, MAX_DELAY_MS);
    case 'list':
      return Math.min(backoff.delays_ms[Math.min(retry, backoff.delays_ms.length) - 1] ?? 0, MAX_DELAY_MS);
  }
}

/**
 * Says whether an attempt that ended by itself completes its task, fails it, or is followed by another one. Of several
 * rules the first that matches decides. Failures that another attempt cannot change (`cancelled`, `rejected`) and those
 * that are not the command's (`worker_lost`) are never retried here.
 */
export const judge: Judge = (policy, counts, result, random) => {
  if (succeeded(policy, result)) return { kind: 'completed' };
  const retry = (counts[0] ?? 0) + 1;
  if (policy === null || retry >= policy.max_attempts || NEVER_RETRIED.includes(result.reason)) {
    return { kind: 'failed' };
  }
  const rules = policy.retry_on ?? [];
  const matched = rules.findIndex((rule) => matches(rule, result));
  const retriesBy = (index: number) => counts[1 + index] ?? 0;
  if (policy.retry_on !== undefined) {
    const rule = rules[matched];
    if (rule === undefined || retriesBy(matched) >= (rule.max_retries ?? Infinity)) return { kind: 'failed' };
  }
  return {
    kind: 'retry',
    delayMs: delayBefore(retry, policy.backoff ?? DEFAULT_BACKOFF, random),
    counts: [retry, ...rules.map((_, index) => retriesBy(index) + (index === matched ? 1 : 0))],
  };
};
