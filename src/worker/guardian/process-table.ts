import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { parseStart, parseStat, type ProcessEntry, type ProcessId } from './process-entry.ts';

/** Keys in the auxiliary vector. https://man7.org/linux/man-pages/man3/getauxval.3.html */
const AT_PAGESZ = 6n;
const AT_CLKTCK = 17n;

/** Longer than any `stat` and `limits`, and than most environments. */
const buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * The processes of this machine, or of this container, from Linux's /proc. Whatever cannot be read is taken as gone.
 * To read about a process that is in the middle of exec may take until it has got there (stat since Linux 6.11, environ
 * always), which is long where many processes fight for the processor.
 */
export class ProcessTable {
  readonly ticksPerSecond: number;
  readonly bytesPerPage: number;

  constructor() {
    const vector = readFileSync('/proc/self/auxv');
    const of = (key: bigint): number => {
      for (let at = 0; at + 16 <= vector.length; at += 16) {
        if (vector.readBigUInt64LE(at) === key) return Number(vector.readBigUInt64LE(at + 8));
      }
      throw new Error(`/proc/self/auxv has no entry ${key}`);
    };
    this.ticksPerSecond = of(AT_CLKTCK);
    this.bytesPerPage = of(AT_PAGESZ);
  }

  /** Those that live, by pid. */
  list(): Map<number, ProcessEntry> {
    const entries = new Map<number, ProcessEntry>();
    for (const name of readdirSync('/proc')) {
      const first = name.charCodeAt(0);
      if (first < 0x31 || first > 0x39) continue;
      const entry = findProcess(Number(name));
      if (entry) entries.set(entry.pid, entry);
    }
    return entries;
  }

  /** Now, in the unit of {@link ProcessId.start}. */
  nowTicks(): number {
    return Math.floor(Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * this.ticksPerSecond);
  }

  /**
   * A variable of the environment that a process was started with. `undefined`: it has none of that name; `null`: that
   * cannot be said, since it is just being started, has no environment at all, or is not ours to look at.
   */
  variable(process: ProcessId, name: string): string | undefined | null {
    const environment = readWhole(`/proc/${process.pid}/environ`);
    if (environment === null || environment.length === 0) return null;
    const prefix = Buffer.from(`\0${name}=`);
    let from: number;
    if (environment.subarray(0, prefix.length - 1).equals(prefix.subarray(1))) from = prefix.length - 1;
    else {
      const found = environment.indexOf(prefix);
      if (found < 0) return undefined;
      from = found + prefix.length;
    }
    const end = environment.indexOf(0, from);
    const value = environment.toString('latin1', from, end < 0 ? environment.length : end);
    // Between the two looks another process may have got the number.
    return isAlive(process) ? value : null;
  }

  /** The soft limit of real-time processor time, as the system prints it; `null`: unknown. */
  realTimeLimit(process: ProcessId): string | null {
    return realTimeLimit(process.pid);
  }
}

function findProcess(pid: number): ProcessEntry | null {
  const length = readInto(`/proc/${pid}/stat`);
  return length <= 0 ? null : parseStat(buffer.toString('latin1', 0, length));
}

/** Where a process is now; `null`: it has ended. Unlike the rest it never waits, be the process in the middle of exec. */
export function placeOf(pid: number): { readonly group: number; readonly session: number } | null {
  const length = readInto(`/proc/${pid}/status`);
  if (length <= 0) return null;
  // Each number is followed by what it is in namespaces further in.
  const found = /^State:\t([^ZX])[^]*^NSpgid:\t(\d+)[^]*^NSsid:\t(\d+)/m.exec(buffer.toString('latin1', 0, length));
  return found && { group: Number(found[2]), session: Number(found[3]) };
}

/** When a process started, also if it has ended and nobody has waited for it yet; `null`: there is none. */
export function startOf(pid: number): number | null {
  const length = readInto(`/proc/${pid}/stat`);
  return length <= 0 ? null : parseStart(buffer.toString('latin1', 0, length));
}

export function isAlive(process: ProcessId): boolean {
  return findProcess(process.pid)?.start === process.start;
}

/** See {@link ProcessTable.realTimeLimit}. */
export function realTimeLimit(pid: number | 'self'): string | null {
  const length = readInto(`/proc/${pid}/limits`);
  if (length <= 0) return null;
  return /^Max realtime timeout\s+(\S+)/m.exec(buffer.toString('latin1', 0, length))?.[1] ?? null;
}

/** Bytes read into the buffer, at most what it holds; -1: it cannot be read. */
function readInto(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return -1;
  }
  try {
    return readSync(fd, buffer, 0, buffer.length, 0);
  } catch {
    return -1;
  } finally {
    closeSync(fd);
  }
}

/** Valid until the next file is read; `null`: it cannot be read. */
function readWhole(path: string): Buffer | null {
  const length = readInto(path);
  if (length < 0) return null;
  if (length < buffer.length) return buffer.subarray(0, length);
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
