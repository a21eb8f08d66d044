import { ProcessTable } from './guardian/process-table.ts';
import { groupLives } from './process-group.ts';

/** `null` where there is no /proc. */
const table = process.platform === 'linux' ? new ProcessTable() : null;

/**
 * Whether a member of a process group can still do something. One that has ended and that nobody has waited for cannot,
 * though the system counts it: an orphan's new parent may take its time, or never do it, as in a container whose first
 * process is no init.
 */
export function groupActs(groupId: number): boolean {
  if (!groupLives(groupId)) return false;
  if (table === null) return true;
  for (const { group } of table.list().values()) if (group === groupId) return true;
  return false;
}
