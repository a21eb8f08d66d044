// What processes use, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // what sysconf(_SC_CLK_TCK) is on every Linux

/** Fields of /proc/<pid>/stat from the state on; `null`: the process is gone. */
function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Processor seconds that a process itself has used. */
export function cpuOf(pid) {
  const fields = statOf(pid);
  return fields === null ? 0 : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Of a process and all its children, those that have ended included. */
export function cpuOfFamily(pid) {
  const fields = statOf(pid);
  if (fields === null) return 0;
  const ended = (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)?.[1] === String(pid));
  return cpuOf(pid) + ended + children.reduce((total, child) => total + cpuOf(child), 0);
}

export function rssMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

/** Processor seconds that all of the machine has used, idle time left out. */
function cpuOfMachine() {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].trim().split(/\s+/);
  // user, nice, system, idle, iowait, irq, softirq, steal
  const [user, nice, system, , , irq, softirq, steal] = fields.map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** How long a fixed piece of work takes, in ms: what the machine gives a single thread at this moment. */
export function yardstickMs() {
  const began = performance.now();
  let mixed = 1;
  for (let i = 0; i < 2e7; i++) mixed = (Math.imul(mixed, 31) + i) | 0;
  return mixed === 0 ? NaN : performance.now() - began;
}

/**
 * Begins to measure; the result ends it and says what share of one core each of `parts` has used, in percent, and in
 * `others` what processes have used that are none of them.
 *
 * @param {Record<string, () => number>} parts processor seconds so far
 */
export function beginUsage(parts) {
  const read = () => ({
    atMs: performance.now(),
    machine: cpuOfMachine(),
    parts: Object.fromEntries(Object.entries(parts).map(([name, seconds]) => [name, seconds()])),
  });
  const before = read();
  return () => {
    const after = read();
    const seconds = (after.atMs - before.atMs) / 1000;
    const used = Object.fromEntries(
      Object.keys(parts).map((name) => [name, ((after.parts[name] - before.parts[name]) / seconds) * 100]),
    );
    const all = ((after.machine - before.machine) / seconds) * 100;
    const others = Math.max(0, all - Object.values(used).reduce((total, share) => total + share, 0));
    return { seconds, ...used, others };
  };
}
