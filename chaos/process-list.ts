import { readdirSync, readFileSync } from 'node:fs';
import type { RunningProcess } from '../test/support/processes.ts';

/** The processes that `parent` has started and that have not ended. */
export function childrenOf(parent: number): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        // The second field is a name in parentheses, which may hold anything.
        const [state, itsParent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (Number(itsParent) !== parent || state === 'Z') return [];
        return [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ') }];
      } catch {
        return []; // Gone in the meantime.
      }
    });
}

/** A process that has ended in the meantime is left alone. */
export function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
