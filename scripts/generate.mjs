// Writes src/rpc/generated/ from proto/, and the configuration table of README.md (config-table.mjs). With --check it
// writes elsewhere and fails on any difference.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const check = process.argv.includes('--check');
const target = 'src/rpc/generated';
const outDir = check ? mkdtempSync(join(tmpdir(), 'hydra-generated-')) : target;
if (!check) rmSync(target, { recursive: true, force: true });

// The options are those of src/rpc/load-proto.ts; types and decoder must agree.
const options = [
  '--longs=Number',
  '--enums=String',
  '--defaults',
  '--arrays',
  '--oneofs',
  '--keepCase',
  '--includeComments',
];
execFileSync(
  'npx',
  [
    ...['--no-install', 'proto-loader-gen-types', ...options, '--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts'],
    ...['--includeDirs=proto', `--outDir=${outDir}`, 'hydra/v1/session.proto', 'hydra/v1/debug.proto'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

if (check) {
  try {
    execFileSync('diff', ['-r', target, outDir], { stdio: 'inherit' });
  } catch {
    console.error(`${target} is out of date; run: npm run generate`);
    process.exitCode = 1;
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}

try {
  execFileSync(process.execPath, ['scripts/config-table.mjs', ...process.argv.slice(2)], { stdio: 'inherit' });
} catch {
  process.exitCode = 1;
}
