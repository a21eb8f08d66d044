import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { realTimeLimit } from './process-table.ts';

/** Microseconds, some 35 years: no process ever gets there, whatever the number is. */
const LEAST_MARK = 2 ** 50;
const RANDOM_BYTES = 5;

let setting: Promise<string | null> | undefined;

/**
 * Marks this process, so that whatever it starts from now on can be told from all else: its limit of real-time
 * processor time (RLIMIT_RTTIME) becomes a number of its own. Every child inherits the limit, through fork, exec,
 * setsid, a cleared environment and closed descriptors; everybody can read it in /proc; and it means nothing to
 * processes that are not scheduled in real time, and at this height nothing to those that are.
 *
 * Once for a process, whose mark it returns from then on. `null`: there is no mark, since the system has no such limit
 * or no program prlimit, or since the limit is set already: by an administrator, or by the worker that this one is a
 * command of, which needs it to find what we leave behind.
 */
export function setWorkerMark(): Promise<string | null> {
  return (setting ??= mark());
}

async function mark(): Promise<string | null> {
  if (process.platform !== 'linux' || realTimeLimit('self') !== 'unlimited') return null;
  const number = String(LEAST_MARK + randomBytes(RANDOM_BYTES).readUIntBE(0, RANDOM_BYTES));
  try {
    await promisify(execFile)('prlimit', ['--pid', String(process.pid), `--rttime=${number}:${number}`]);
  } catch {
    // Not installed, or not allowed: the limit, which is looked at again, says all.
  }
  return realTimeLimit('self') === number ? number : null;
}
