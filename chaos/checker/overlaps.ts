import { found, showLine } from './evidence.ts';
import type { TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/**
 * Did two attempts of a task run at the same time? The kernel says so when a start finds the lock of its task taken,
 * children and all. The instants in the ledger say so, too, of those whose end is known.
 */
export function* checkOverlaps(item: TaskCase): Generator<Finding> {
  const starts = item.starts.toSorted((a, b) => Number(a.atNs - b.atNs));
  for (const [index, start] of starts.entries()) {
    if (!start.held) {
      const what = `attempt ${start.attempt} started while another one was alive`;
      yield found('overlapped', item, what, starts.map(showLine));
    }
    const end = item.ends.find(({ atNs, attempt }) => attempt === start.attempt && atNs >= start.atNs);
    if (end === undefined) continue;
    for (const later of starts.slice(index + 1)) {
      if (later.atNs >= end.atNs) continue;
      const what = `attempt ${later.attempt} started before attempt ${start.attempt} had ended`;
      yield found('overlapped', item, what, [start, later, end].map(showLine));
    }
  }
}
