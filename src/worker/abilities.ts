import { readFileSync } from 'node:fs';
import { getPriority, userInfo } from 'node:os';
import { findTool } from './find-program.ts';

/** What this worker can do for a command beyond starting it. Does not change while it runs. */
export interface Abilities {
  /** Whom the worker runs as. */
  readonly uid: number;
  readonly userName: string;
  readonly maySwitchUser: boolean;
  /** The worker's own, which its commands start with. */
  readonly niceness: number;
  /** The least that it may give. */
  readonly leastNiceness: number;
  /** The most that it may give of each; Infinity: any. */
  readonly ceilings: Ceilings;
  /** Files of the programs that wrap a command; `null`: not installed. */
  readonly tools: { readonly prlimit: string | null; readonly nice: string | null; readonly setpriv: string | null };
}

export interface Ceilings {
  readonly openFiles: number;
  readonly processes: number;
  readonly cpuSeconds: number;
  readonly dataBytes: number;
}

/** Numbers of Linux's capabilities (capability.h). */
const CAP_SETGID = 6;
const CAP_SETUID = 7;
const CAP_SYS_NICE = 23;
const CAP_SYS_RESOURCE = 24;

/** Asks the system. `path`: the worker's own PATH. Where there is no /proc, only root is taken to be able to do more. */
export function readAbilities(path: string): Abilities {
  const uid = process.getuid?.() ?? -1;
  const can = capabilitiesOf(readOrEmpty('/proc/self/status'), uid);
  const limits = readOrEmpty('/proc/self/limits');
  const niceness = getPriority();
  return {
    uid,
    userName: nameOfUser(uid),
    maySwitchUser: can(CAP_SETUID) && can(CAP_SETGID),
    niceness,
    leastNiceness: can(CAP_SYS_NICE) ? -20 : Math.min(niceness, 20 - hardLimit(limits, 'Max nice priority', 0)),
    ceilings: ceilingsOf(limits, can(CAP_SYS_RESOURCE)),
    tools: { prlimit: findTool('prlimit', path), nice: findTool('nice', path), setpriv: findTool('setpriv', path) },
  };
}

/** Whether a process has a capability. `status`: its /proc/…/status; empty: unknown. */
export function capabilitiesOf(status: string, uid: number): (capability: number) => boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (mask === undefined) return () => uid === 0;
  const bits = BigInt(`0x${mask}`);
  return (capability) => ((bits >> BigInt(capability)) & 1n) === 1n;
}

/** `limits`: a process's /proc/…/limits. `mayRaise`: it may go above its hard limits. */
export function ceilingsOf(limits: string, mayRaise: boolean): Ceilings {
  const hard = (name: string) => (mayRaise ? Infinity : hardLimit(limits, name, Infinity));
  // Not even root goes above what the kernel is set to.
  const mostFiles = Number(readOrEmpty('/proc/sys/fs/nr_open')) || Infinity;
  return {
    openFiles: Math.min(hard('Max open files'), mostFiles),
    processes: hard('Max processes'),
    cpuSeconds: hard('Max cpu time'),
    dataBytes: hard('Max data size'),
  };
}

/** A line is: name, soft limit, hard limit, unit. */
function hardLimit(limits: string, name: string, unknown: number): number {
  const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1];
  if (value === undefined) return unknown;
  return value === 'unlimited' ? Infinity : Number(value);
}

/** In a container a user may have no name. */
function nameOfUser(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
