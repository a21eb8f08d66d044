import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { Binaries } from './binaries.ts';
import { asUser, canEnter, type OsUser } from './os-user.ts';

/** Where data and programs go for root when the account of PostgreSQL cannot reach the folder that was asked for. */
const SYSTEM_FOLDER = '/var/lib/hydra';

/** The user and the database in PostgreSQL. */
export const DATABASE = 'hydra';

/** Where a cluster is made, before it gets its name. */
const SIDE = 'postgres.new-';

/** The files of an embedded PostgreSQL, under the folder that the user named or one in its place. */
export interface DataFolder {
  readonly path: string;
  /** PostgreSQL's own. */
  readonly cluster: string;
  readonly passwordFile: string;
  readonly logFolder: string;
}

export function dataFolder(path: string): DataFolder {
  const cluster = join(path, 'postgres');
  return { path, cluster, passwordFile: join(path, 'postgres.password'), logFolder: join(cluster, 'log') };
}

/**
 * Makes the folder, unless `user` could not enter it; then another one is made and returned, always the same for the
 * same `requested`. Folders that exist keep their modes.
 */
export function reachableFolder(requested: string, user: OsUser | undefined): string {
  if (user === undefined) {
    mkdirSync(requested, { recursive: true, mode: 0o700 });
    return requested;
  }
  const made = mkdirSync(requested, { recursive: true });
  // Others may pass through, not look around; what is inside has modes of its own.
  if (made !== undefined) chmodSync(requested, 0o711);
  if (canEnter(requested, user)) return requested;
  if (made !== undefined) rmSync(made, { recursive: true });

  const hash = createHash('sha256').update(requested).digest('hex').slice(0, 12);
  const instead = join(systemFolder(), `data-${hash}`);
  mkdirSync(instead, { recursive: true });
  chmodSync(instead, 0o711);
  return instead;
}

/** Root's own, so that nobody else can put anything there. */
export function systemFolder(): string {
  if (mkdirSync(SYSTEM_FOLDER, { recursive: true }) !== undefined) chmodSync(SYSTEM_FOLDER, 0o755);
  return SYSTEM_FOLDER;
}

/**
 * Makes the cluster if there is none, and returns the password of its superuser. A cluster appears whole or not at all.
 * @throws CliError when the data is of another major version, or initdb fails.
 */
export async function prepareCluster(
  folder: DataFolder,
  binaries: Binaries,
  user: OsUser | undefined,
  signal: AbortSignal,
): Promise<string> {
  const versionFile = join(folder.cluster, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const major = Number(readFileSync(versionFile, 'utf8'));
    if (major !== binaries.major) {
      throw new CliError(
        `the data in ${folder.cluster} is of PostgreSQL ${major}, and the embedded PostgreSQL is ${binaries.major}; ` +
          `name another folder with --data-dir, or move the data with pg_dump and pg_restore ` +
          `(https://www.postgresql.org/docs/current/upgrading.html)`,
      );
    }
    return readPassword(folder);
  }
  const password = randomBytes(24).toString('base64url');
  rmSync(folder.passwordFile, { force: true });
  writeFileSync(folder.passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (user !== undefined) chownSync(folder.passwordFile, user.uid, user.gid);

  for (const name of readdirSync(folder.path).filter((entry) => entry.startsWith(SIDE))) {
    rmSync(join(folder.path, name), { recursive: true, force: true });
  }
  const side = mkdtempSync(join(folder.path, SIDE));
  if (user !== undefined) chownSync(side, user.uid, user.gid);
  await initdb(side, folder.passwordFile, binaries, user, signal);
  renameSync(side, folder.cluster);
  return password;
}

function readPassword(folder: DataFolder): string {
  try {
    return readFileSync(folder.passwordFile, 'utf8').trim();
  } catch (error) {
    throw new CliError(
      `cannot read the password of the data in ${folder.path}: ${(error as Error).message}; ` +
        'run hydra as the user that made the data, or name another folder with --data-dir',
    );
  }
}

async function initdb(
  cluster: string,
  passwordFile: string,
  binaries: Binaries,
  user: OsUser | undefined,
  signal: AbortSignal,
): Promise<void> {
  const args = [
    `--pgdata=${cluster}`,
    `--username=${DATABASE}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // The same on every machine, whatever locales it has.
    ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
  ];
  const child = spawn(binaries.initdb, args, {
    ...asUser(user),
    cwd: cluster,
    env: serverEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    signal,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0) throw new CliError(`initdb could not make a database in ${cluster}:\n${errors.trim()}`);
}

/** PostgreSQL gets none of our variables: it needs none, and its functions can read them. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** The end of PostgreSQL's newest log file; empty when there is none. */
export function lastLogLines(folder: DataFolder, count: number): string {
  if (!existsSync(folder.logFolder)) return '';
  const files = readdirSync(folder.logFolder).map((name) => join(folder.logFolder, name));
  const newest = files.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1);
  return newest === undefined ? '' : readFileSync(newest, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}
