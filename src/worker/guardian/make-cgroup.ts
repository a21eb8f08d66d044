import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rmdir, statfs, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Limits } from '../../domain/run-options.ts';

/** CGROUP2_SUPER_MAGIC. */
const CGROUP2 = 0x6367_7270;
const WANTED = ['memory', 'pids'] as const;
/** How often the folder of a process that has just ended is tried to be removed. */
const REMOVALS = 20;

/**
 * Makes sure that attempts can have cgroups below a folder, and enables the controllers that limit them where that can
 * be done: a folder that holds processes itself cannot hand controllers down.
 * @returns the controllers that are enabled for its children, such as `memory` and `pids`.
 * @throws Error with a sentence that says what is wrong.
 */
export async function checkCgroup(folder: string): Promise<string[]> {
  const wrong = (why: string, cause?: unknown) =>
    new Error(`the cgroup folder ${JSON.stringify(folder)} ${why}`, { cause });
  if (process.platform !== 'linux') throw wrong('cannot be used: only Linux has cgroups');
  if (!folder.startsWith('/')) throw wrong('is not an absolute path');
  const { type } = await statfs(folder).catch((error: unknown) => {
    throw wrong(`cannot be used: ${(error as Error).message}`, error);
  });
  if (type !== CGROUP2) throw wrong('is not in a file system of cgroup v2, such as /sys/fs/cgroup');
  await enableControllers(folder);
  const probe = `${folder}/hydra-probe-${randomUUID()}`;
  try {
    await mkdir(probe);
  } catch (error) {
    throw wrong(`is not one that this worker may make cgroups in: ${(error as Error).message}`, error);
  }
  try {
    const [program, ...args] = joinCgroup(probe);
    await promisify(execFile)(program, [...args, 'true']);
  } catch (error) {
    throw wrong(
      `is not one that this worker may move processes to; the worker must itself run in a cgroup that it owns, with the folder below it: ${(error as Error).message.trim()}`,
      error,
    );
  } finally {
    await remove(probe);
  }
  return listOf(`${folder}/cgroup.subtree_control`);
}

async function enableControllers(folder: string): Promise<void> {
  const available = await listOf(`${folder}/cgroup.controllers`);
  for (const name of WANTED) {
    if (!available.includes(name)) continue;
    // What cannot be enabled is not among what is returned.
    await writeFile(`${folder}/cgroup.subtree_control`, `+${name}`).catch(() => undefined);
  }
}

async function listOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'latin1').catch(() => '');
  return text.split(/\s+/).filter((word) => word !== '');
}

async function remove(folder: string): Promise<void> {
  for (let tries = 0; tries < REMOVALS; tries++) {
    try {
      await rmdir(folder);
      return;
    } catch {
      await delay(10);
    }
  }
}

/** Makes a cgroup whose processes together get no more than `limits`, as far as `controllers` can see to that. */
export async function makeCgroup(folder: string, limits: Limits, controllers: readonly string[]): Promise<void> {
  await mkdir(folder);
  const { memory_bytes: memory, processes } = limits;
  if (memory !== undefined && controllers.includes('memory')) {
    await writeFile(`${folder}/memory.max`, String(memory));
    // Where there is swap, it would only put off the end; and half a command is worse than none.
    await writeIfThere(`${folder}/memory.swap.max`, '0');
    await writeIfThere(`${folder}/memory.oom.group`, '1');
  }
  if (processes !== undefined && controllers.includes('pids')) {
    await writeFile(`${folder}/pids.max`, String(processes));
  }
}

async function writeIfThere(file: string, text: string): Promise<void> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) await writeFile(file, text);
}

/** What to put before a command's arguments so that it joins a cgroup and then takes the place of what joined it. */
export function joinCgroup(folder: string): [string, ...string[]] {
  return ['/bin/sh', '-c', 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"', 'sh', folder];
}
