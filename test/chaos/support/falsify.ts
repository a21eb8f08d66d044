import type { History, InjectedFault, LedgerLine, PlannedTask, StoredTask, Transition } from '../../../chaos/events.ts';
import type { Story } from './story.ts';
import { uuid } from './truth.ts';

/* Changes to what a history says of one task. */

const plain = { pasts: [], delayMs: null, startsRecorded: true, bounded: false };
const exited = (exitCode: number) => ({ fate: 'exited', exitCode }) as const;
const lost = (exitCode: number | null) => ({ fate: 'lost', started: true, exitCode }) as const;

const CAST = {
  completed: { ...plain, final: exited(0), delayMs: 5_000 },
  lostOnce: { ...plain, pasts: [lost(null)], final: exited(0) },
  lostAtItsEnd: { ...plain, pasts: [lost(0)], final: exited(0) },
  retried: { ...plain, pasts: [{ fate: 'failed', exitCode: 3 }], final: exited(5) },
  timedOut: { ...plain, final: { fate: 'timed out', exitCode: null } },
  signalled: { ...plain, final: { fate: 'signalled' } },
  expired: { ...plain, final: { fate: 'expired' } },
  spawnError: { ...plain, final: { fate: 'spawn error' } },
  givenUp: { ...plain, pasts: [{ fate: 'given up' }], final: exited(0) },
} as const satisfies Record<string, Story>;

export type Role = keyof typeof CAST;

export const cast: readonly Story[] = Object.values(CAST);

export const keyOf = (role: Role) => `key-${Object.keys(CAST).indexOf(role)}`;
export const idOf = (role: Role) => uuid(Object.keys(CAST).indexOf(role));

type Start = Extract<LedgerLine, { kind: 'start' }>;
type End = Extract<LedgerLine, { kind: 'end' }>;

export const isOf = (role: Role, taskId: string) => taskId === idOf(role);

export function withTask(role: Role, change: Partial<StoredTask>) {
  return (history: History): History => ({
    ...history,
    tasks: history.tasks.map((task) => (isOf(role, task.id) ? { ...task, ...change } : task)),
  });
}

export function withPlan(role: Role, change: Partial<PlannedTask>) {
  return (history: History): History => ({
    ...history,
    planned: history.planned.map((task) => (task.key === keyOf(role) ? { ...task, ...change } : task)),
  });
}

export function withTransitions(role: Role, change: (transitions: readonly Transition[]) => readonly Transition[]) {
  return (history: History): History => ({
    ...history,
    transitions: [
      ...history.transitions.filter(({ taskId }) => !isOf(role, taskId)),
      ...change(history.transitions.filter(({ taskId }) => isOf(role, taskId))),
    ],
  });
}

/** Changes the lines of one attempt; without `change` for a kind, they stay; `null`: they are dropped. */
export function withLines(
  role: Role,
  attempt: number,
  change: { readonly start?: Partial<Start> | null; readonly end?: Partial<End> | null },
) {
  return (history: History): History => ({
    ...history,
    ledger: history.ledger.flatMap((line): LedgerLine[] => {
      if (line.kind === 'corrupt' || !isOf(role, line.taskId) || line.attempt !== attempt) return [line];
      if (line.kind === 'start') return change.start === null ? [] : [{ ...line, ...change.start }];
      return change.end === null ? [] : [{ ...line, ...change.end }];
    }),
  });
}

/** Adds lines that differ from the ones of an attempt. */
export function withMoreLines(role: Role, attempt: number, change: (line: Start | End) => readonly (Start | End)[]) {
  return (history: History): History => ({
    ...history,
    ledger: [...history.ledger, ...linesOf(history, role, attempt).flatMap(change)],
  });
}

function linesOf({ ledger }: History, role: Role, attempt: number): (Start | End)[] {
  return ledger.filter((line) => line.kind !== 'corrupt').filter((l) => isOf(role, l.taskId) && l.attempt === attempt);
}

export function atOf(history: History, role: Role, attempt: number, kind: 'start' | 'end'): bigint {
  return linesOf(history, role, attempt).find((line) => line.kind === kind)!.atNs;
}

export function withFaults(of: Role, change: (fault: InjectedFault) => readonly InjectedFault[]) {
  return (history: History): History => ({
    ...history,
    faults: history.faults.flatMap((fault) =>
      fault.target.startsWith(`worker-${Object.keys(CAST).indexOf(of)}-`) ? change(fault) : [fault],
    ),
  });
}

export const all =
  (...changes: readonly ((history: History) => History)[]) =>
  (history: History) =>
    changes.reduce((changed, change) => change(changed), history);

export const start = (role: Role, attempt: number, change: Partial<Start>): Start => ({
  kind: 'start',
  key: keyOf(role),
  taskId: idOf(role),
  attempt,
  workerId: 'worker-9',
  pid: 9,
  atNs: 4_000_000_000_000_000_000n,
  held: true,
  ...change,
});
