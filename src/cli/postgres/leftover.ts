import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import { findProcess } from '../process-table.ts';

const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/**
 * Stops the PostgreSQL of a cluster that is still running though nobody owns it: its `hydra up` was killed. The caller
 * holds the lock of the folder. A stale postmaster.pid, whose process is gone or is another program, is removed:
 * PostgreSQL itself would refuse to start if the pid was given to another process of the same account.
 */
export async function stopLeftover(cluster: string): Promise<'none' | 'stopped'> {
  const pidFile = join(cluster, 'postmaster.pid');
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return 'none';
  if (!(await serves(pid, cluster))) {
    await rm(pidFile, { force: true });
    return 'none';
  }
  process.kill(pid, 'SIGINT');
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (await serves(pid, cluster)) {
    if (Date.now() > deadline) {
      throw new CliError(`PostgreSQL (pid ${pid}) still runs on ${cluster} and does not stop; stop it and try again`);
    }
    await delay(POLL_MS);
  }
  return 'stopped';
}

/** Whether the process is a PostgreSQL that was started, by us, on that cluster. */
async function serves(pid: number, cluster: string): Promise<boolean> {
  const entry = await findProcess(pid);
  return entry?.command.includes(`postgres -D ${cluster} `) === true;
}
