import type { History } from '../events.ts';
import { found, showLine, showMs } from './evidence.ts';
import type { TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** Is nothing left over, did nothing end by itself, and was every fault recovered from? */
export function* checkSurroundings({ exits, faults, ledger, orphans }: History): Generator<Finding> {
  for (const { command, pid, seen } of orphans) {
    yield { violation: 'orphans', evidence: `process ${pid} (${command}): ${seen}` };
  }
  for (const exit of exits) yield { violation: 'unexpectedExits', evidence: exit };
  for (const { beganMs, kind, recoveredAfterMs, recovery, target } of faults) {
    if (recoveredAfterMs !== null) continue;
    yield { violation: 'neverRecovered', evidence: `${kind} of ${target} at ${showMs(beganMs)}: not ${recovery}` };
  }
  for (const line of ledger) {
    if (line.kind === 'corrupt') yield { violation: 'ledgerCorrupt', evidence: showLine(line) };
  }
}

/** Can the lines of a task's ledger be true together? */
export function* checkLedger(item: TaskCase): Generator<Finding> {
  const { ends, key, starts } = item;
  const lines = [...starts, ...ends];
  const fault = (what: string) => found('ledgerCorrupt', item, what, lines.map(showLine));
  const stranger = lines.find((line) => line.key !== key);
  if (stranger !== undefined) yield fault(`a line says that its key is ${stranger.key}`);
  for (const attempt of new Set(ends.map((end) => end.attempt))) {
    const began = starts.filter((start) => start.attempt === attempt);
    const ended = ends.filter((end) => end.attempt === attempt);
    if (ended.length > began.length) yield fault(`attempt ${attempt} ended more often than it started`);
    else if (ended.some(({ atNs }) => began.every((start) => start.atNs > atNs))) {
      yield fault(`attempt ${attempt} ended before it started`);
    }
  }
}
