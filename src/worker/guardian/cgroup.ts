import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Usage } from '../../domain/usage.ts';

/** A folder of cgroup v2 that holds the processes of one attempt. https://docs.kernel.org/admin-guide/cgroup-v2.html */

/** Pids of all that are in it or below. */
export function cgroupMembers(folder: string): number[] {
  const members = read(`${folder}/cgroup.procs`)
    .split('\n')
    .filter((line) => line !== '' && line !== '0')
    .map(Number);
  return [...members, ...subfolders(folder).flatMap(cgroupMembers)];
}

/** Kills all that are in it or below, at one stroke where the system can do that (Linux 5.14). */
export function killCgroup(folder: string): void {
  try {
    writeFileSync(`${folder}/cgroup.kill`, '1');
  } catch {
    // It is gone, or the system cannot: those that are found in it are killed one by one.
  }
}

/** What all that were ever in it have taken; `null` where the system does not count it. */
export function cgroupUsage(folder: string): Usage {
  const usec = /^usage_usec (\d+)$/m.exec(read(`${folder}/cpu.stat`))?.[1];
  const peak = read(`${folder}/memory.peak`).trim();
  return {
    cpuMs: usec === undefined ? null : Math.round(Number(usec) / 1_000),
    peakMemoryBytes: peak === '' ? null : Number(peak),
  };
}

/** False: something still is in it. */
export function removeCgroup(folder: string): boolean {
  for (const below of subfolders(folder)) if (!removeCgroup(below)) return false;
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

export function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Says whose a cgroup is, as a mark says it of a process. */
export interface CgroupOwner {
  readonly namespace: string;
  readonly worker: { readonly pid: number; readonly start: number };
  readonly instance: string;
}

/** `number`: unique for the owner. */
export function cgroupName({ namespace, worker, instance }: CgroupOwner, number: number): string {
  return `hydra-${namespace}-${worker.pid}-${worker.start}-${instance}-${number}`;
}

/** `null`: a folder of somebody else's. */
export function parseCgroupName(name: string): CgroupOwner | null {
  const found = /^hydra-(\d*)-(\d+)-(\d+)-(\w+)-\d+$/.exec(name);
  if (!found) return null;
  const [, namespace = '', pid, start, instance = ''] = found;
  return { namespace, worker: { pid: Number(pid), start: Number(start) }, instance };
}
