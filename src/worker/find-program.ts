import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A program's file, or a sentence that says why there is none. */
export type FoundProgram =
  { readonly ok: true; readonly file: string } | { readonly ok: false; readonly error: string };

/**
 * Finds a program as the system does when it starts one: a name with a slash is a path, from `cwd` on; any other is
 * looked for in the folders of `path`, which is a PATH variable.
 */
export function findProgram(name: string, path: string, cwd: string): FoundProgram {
  if (name === '') return { ok: false, error: 'the name of the program is empty' };
  if (name.includes('/')) {
    const file = resolve(cwd, name);
    const why = whyNotRunnable(file);
    return why === null ? { ok: true, file } : { ok: false, error: `${quote(name)} cannot be run: ${why}` };
  }
  for (const folder of path.split(':')) {
    const file = join(resolve(cwd, folder), name);
    if (whyNotRunnable(file) === null) return { ok: true, file };
  }
  return { ok: false, error: `there is no program ${quote(name)} in the command's PATH (${path})` };
}

/** A program of this worker, looked for in its own PATH and where such programs usually are; `null`: none. */
export function findTool(name: string, path: string): string | null {
  const found = findProgram(name, `${path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`, '/');
  return found.ok ? found.file : null;
}

/** `null`: it can be entered, as far as can be told. */
export function whyNotFolder(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? null : 'it is not a folder';
  } catch (error) {
    return reasonOf(error);
  }
}

function whyNotRunnable(file: string): string | null {
  try {
    if (!statSync(file).isFile()) return 'it is not a file';
    accessSync(file, constants.X_OK);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'it does not exist';
  if (code === 'EACCES') return 'permission is denied';
  return (error as Error).message;
}

/** Cut short: it may be as long as a command. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
