import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from './cli-error.ts';
import { findProcess } from './process-table.ts';

/**
 * Takes a folder for this process; the result gives it back. A lock whose owner is gone is taken over.
 * @throws CliError naming the process that holds it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'up.pid');
  const self = await findProcess(process.pid);
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, `${process.pid}\n${self?.started ?? ''}\n`);
  try {
    await linkUnlessHeld(mine, file, folder);
  } finally {
    await rm(mine, { force: true });
  }
  return () => rm(file, { force: true });
}

/** A link, unlike a new file, appears together with its content. */
async function linkUnlessHeld(mine: string, file: string, folder: string): Promise<void> {
  for (;;) {
    try {
      await link(mine, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [pid = '', started = ''] = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    const owner = await findProcess(Number(pid));
    if (owner?.started === started) {
      throw new CliError(
        `another hydra (pid ${pid}) uses the data folder ${folder}; stop it, or name another folder with --data-dir`,
      );
    }
    await rm(file, { force: true });
  }
}
