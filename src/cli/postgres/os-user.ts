import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { CliError } from '../cli-error.ts';

/** An account of the operating system, other than the one that runs this process. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function readAccounts(): OsUser[] {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/**
 * The account to run PostgreSQL as, since it refuses to run as root; `undefined`: the current one, which is not root.
 * Data that exists is served by its owner.
 */
export function serverUser(dataFolder: string): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = statSync(dataFolder, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) {
    const name = accounts.find((account) => account.uid === owner.uid)?.name ?? String(owner.uid);
    return { name, uid: owner.uid, gid: owner.gid };
  }
  const user = ['postgres', 'nobody'].map((name) => accounts.find((a) => a.name === name && a.uid > 0)).find(Boolean);
  if (user === undefined) {
    throw new CliError(
      'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as; ' +
        'run hydra as another user, or set DATABASE_URL to an existing PostgreSQL',
    );
  }
  return user;
}

/** How to spawn as that account. */
export function asUser(user: OsUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

/** Whether the account can enter a folder. Tried, not computed, so that access lists and mounts count, too. */
export function canEnter(folder: string, user: OsUser | undefined): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...asUser(user), cwd: '/' }).status === 0;
}
