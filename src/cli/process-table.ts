import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A process as the operating system shows it. */
export interface ProcessEntry {
  /** Its arguments, joined by blanks. */
  readonly command: string;
  /** When it started, in a form of the system's own; with the pid it tells a process from a later one. */
  readonly started: string;
}

/** The process with that id; `undefined` when there is none or it has ended and only waits to be reaped. */
export async function findProcess(pid: number): Promise<ProcessEntry | undefined> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function fromProc(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may hold blanks and parentheses itself.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return { command: cmdline.split('\0').join(' ').trim(), started: fields[18] ?? '' };
  } catch {
    return undefined;
  }
}

async function fromPs(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const ps = async (column: string) => (await promisify(execFile)('ps', ['-o', column, '-p', String(pid)])).stdout;
    if ((await ps('stat=')).trim().startsWith('Z')) return undefined;
    return { command: (await ps('command=')).trim(), started: (await ps('lstart=')).trim() };
  } catch {
    return undefined;
  }
}
