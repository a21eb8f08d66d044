import type { LedgerLine, Transition } from '../events.ts';
import type { Finding, Violation } from './verdict.ts';
import type { TaskCase } from './task-case.ts';

/** A finding about a task: what is wrong, and the lines that show it. */
export function found(
  violation: Violation,
  { key, taskId }: TaskCase,
  what: string,
  lines: readonly string[] = [],
): Finding {
  return { violation, evidence: [`task ${key} (${taskId}): ${what}`, ...lines].join('\n  ') };
}

export function showLine(line: LedgerLine): string {
  switch (line.kind) {
    case 'start':
      return `ledger: attempt ${line.attempt} started on ${line.workerId} as process ${line.pid} at ${showNs(line.atNs)}, lock ${line.held ? 'held' : 'taken'}`;
    case 'end':
      return `ledger: attempt ${line.attempt} ended with ${line.exitCode} at ${showNs(line.atNs)}`;
    case 'corrupt':
      return `ledger, line ${line.line}: ${line.text}`;
  }
}

export function showTransition({ atMs, attempt, from, to }: Transition): string {
  return `PostgreSQL: attempt ${attempt} from ${from} to ${to} at ${showMs(atMs)}`;
}

/** ISO 8601, as exact as it was measured. */
export function showNs(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().slice(0, 19);
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`;
}

export function showMs(ms: number): string {
  return showNs(nsOf(ms));
}

/** Nanoseconds of an instant in milliseconds that was counted in microseconds; exact, as far as a number can be. */
export function nsOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}
