import { MACHINE_TOO_BUSY, type History, type InjectedFault } from '../events.ts';
import { isLossCaused } from './causes.ts';
import { attemptEnds, type TaskCase } from './task-case.ts';
import type { Recovery, Totals } from './verdict.ts';

export function totalsOf(history: History, cases: readonly TaskCase[]): Totals {
  const states: Record<string, Record<string, number>> = {};
  let recorded = 0;
  let lostAttempts = 0;
  let startedAgain = 0;
  let lostToBusyMachine = 0;
  const brought = history.faults.filter(({ kind }) => kind !== MACHINE_TOO_BUSY);
  for (const item of cases) {
    const { planned, starts, stored } = item;
    if (stored !== undefined) {
      const ofKind = (states[planned?.kind ?? 'unplanned'] ??= {});
      ofKind[stored.state] = (ofKind[stored.state] ?? 0) + 1;
    }
    const ends = attemptEnds(item);
    const lost = ends.filter(({ reason }) => reason === 'worker_lost');
    recorded += ends.length;
    lostAttempts += lost.length;
    startedAgain += lost.filter(
      ({ attempt }) =>
        starts.some((start) => start.attempt === attempt) && starts.some((start) => start.attempt > attempt),
    ).length;
    lostToBusyMachine += starts.filter(
      (start) =>
        lost.some(({ attempt }) => attempt === start.attempt) &&
        !isLossCaused(item, start, brought) &&
        isLossCaused(item, start, history.faults),
    ).length;
  }
  return {
    planned: history.planned.length,
    accepted: new Set(history.accepted.map(({ taskId }) => taskId)).size,
    states,
    starts: history.ledger.filter(({ kind }) => kind === 'start').length,
    recorded,
    lostAttempts,
    startedAgain,
    lostToBusyMachine,
  };
}

/** Of the faults that were brought about, by kind, in alphabetical order. */
export function recoveriesOf(faults: readonly InjectedFault[]): Recovery[] {
  const brought = faults.filter(({ kind }) => kind !== MACHINE_TOO_BUSY);
  return [...new Set(brought.map(({ kind }) => kind))].sort().map((kind) => {
    const ofKind = brought.filter((fault) => fault.kind === kind);
    const afterMs = ofKind.flatMap(({ recoveredAfterMs }) => (recoveredAfterMs === null ? [] : [recoveredAfterMs]));
    return { kind, faults: ofKind.length, afterMs: afterMs.sort((a, b) => a - b) };
  });
}
