import { readdir, readFile } from 'node:fs/promises';

/** How long processes may take to appear or to die. */
const PATIENCE_MS = 20_000;

/**
 * Ids of live processes whose environment holds `variable`, such as `HYDRA_TASK_ID=…`: everything that a command
 * started and did not clear its environment, whatever group or session it moved to. Linux only.
 */
export async function processesWith(variable: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const matches = await Promise.all(
    ids.map(async (id) => {
      // A process may end while its entry is read; the entry of a zombie is empty.
      const environment = await readFile(`/proc/${id}/environ`, 'latin1').catch(() => '');
      return environment.split('\0').includes(variable);
    }),
  );
  return ids.filter((_, i) => matches[i]).map(Number);
}

/** Waits until `count` or more such processes live. */
export async function processesAppear(variable: string, count: number): Promise<number[]> {
  return poll(variable, (ids) => ids.length >= count, `${count} processes`);
}

/** Waits until no such process lives. */
export async function processesGone(variable: string): Promise<void> {
  await poll(variable, (ids) => ids.length === 0, 'no process');
}

async function poll(variable: string, enough: (ids: number[]) => boolean, wanted: string): Promise<number[]> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const ids = await processesWith(variable);
    if (enough(ids)) return ids;
    if (Date.now() > deadline) {
      throw new Error(`waited ${PATIENCE_MS} ms for ${wanted} with ${variable}; there are ${JSON.stringify(ids)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10)); // /proc has no events
  }
}
