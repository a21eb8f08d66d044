/** Tells a process from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it started, in clock ticks since the system did. */
  readonly start: number;
}

/** Clocks of two processors may differ by as much. */
export const TICK_SLACK = 1;

/** A living process, as one look at it found it. */
export interface ProcessEntry extends ProcessId {
  readonly parent: number;
  readonly group: number;
  /** The number of the process that began its session. */
  readonly session: number;
  /** Clock ticks of processor time, its own and of those of its children that it waited for. */
  readonly cpuTicks: number;
  readonly residentPages: number;
}

/**
 * Reads the `stat` of a process; `null` when it has ended, be it that its parent has not noticed yet, or when it is a
 * thread of the kernel. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function parseStat(stat: string): ProcessEntry | null {
  const fields = fieldsOf(stat);
  const at = (field: number) => Number(fields[field]);
  const state = fields[0];
  // The first thread of a process may have ended while others live.
  const isDead = (state === 'Z' || state === 'X' || state === 'x') && at(FIELD.threads) <= 1;
  if (isDead || fields.length <= LAST_FIELD || (at(FIELD.flags) & KERNEL_THREAD) !== 0) return null;
  return {
    pid: Number.parseInt(stat, 10),
    start: at(FIELD.start),
    parent: at(FIELD.parent),
    group: at(FIELD.group),
    session: at(FIELD.session),
    cpuTicks: at(FIELD.userTicks) + at(FIELD.systemTicks) + at(FIELD.childUserTicks) + at(FIELD.childSystemTicks),
    residentPages: at(FIELD.residentPages),
  };
}

/** Only when it started, whether it lives or not. */
export function parseStart(stat: string): number {
  return Number(fieldsOf(stat)[FIELD.start]);
}

/** The second field is the name in parentheses, which may hold blanks and parentheses itself; these come after it. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ', LAST_FIELD + 1);
}

/** Positions after the name; the manual counts the number and the name, and from 1. */
const FIELD = {
  parent: 1,
  group: 2,
  session: 3,
  flags: 6,
  userTicks: 11,
  systemTicks: 12,
  childUserTicks: 13,
  childSystemTicks: 14,
  threads: 17,
  start: 19,
  residentPages: 21,
} as const;
const LAST_FIELD = FIELD.residentPages;

/** PF_KTHREAD in the kernel's flags of a process. */
const KERNEL_THREAD = 0x0020_0000;
