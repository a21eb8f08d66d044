import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VIOLATIONS } from '../../chaos/checker/verdict.ts';
import { findByCommand } from '../support/processes.ts';

/** As `npm run chaos` starts it, without building anew what other tests run from. */
const MAIN = fileURLToPath(new URL('../../chaos/main.ts', import.meta.url));
/** Its plan has each of the faults below, some of them two at once. */
const SEED = 13;
const FAULTS = ['coordinator-alone', 'coordinator-kill', 'link-cut', 'postgres-restart', 'worker-halt', 'worker-kill'];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-chaos-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function chaos(...flags: readonly string[]) {
  return calledOffAt(null, ...flags);
}

/** Sends SIGINT when it has said what `pattern` matches. */
async function calledOffAt(pattern: RegExp | null, ...flags: readonly string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (output[name] += chunk));
  }
  child.stdout.on('data', () => {
    if (pattern?.test(output.stdout) === true) child.kill('SIGINT');
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

test('a short run ends with nothing that must not have happened, and leaves nothing behind', async () => {
  const json = join(folder, 'report.json');
  const runs = join(folder, 'runs');
  const { status, stderr, stdout } = await chaos(
    ...['--seed', String(SEED), '--seconds', '45', '--lease-ms', '3000', '--tasks-per-second', '8'],
    ...['--faults', FAULTS.join(','), '--json', json, '--folder', runs],
  );

  expect(stderr).toBe('');
  expect(status, stdout).toBe(0);
  for (const words of Object.values(VIOLATIONS)) expect(stdout).toMatch(new RegExp(`^${words} +0$`, 'm'));
  const report = JSON.parse(readFileSync(json, 'utf8')) as {
    holds: boolean;
    runs: { seed: number; verdict: { totals: { accepted: number }; recovery: { kind: string }[] } }[];
  };
  expect(report).toMatchObject({ holds: true, runs: [{ seed: SEED }] });
  expect(report.runs[0]!.verdict.totals.accepted).toBeGreaterThan(300);
  const brought = report.runs[0]!.verdict.recovery.map(({ kind }) => kind.replace(/,.*/, ''));
  expect(brought).toEqual(expect.arrayContaining(FAULTS));
  expect(readdirSync(runs)).toEqual([]);
}, 120_000);

test('a run that is called off ends soon, and leaves nothing behind', async () => {
  const runs = join(folder, 'runs');
  const { status, stderr } = await calledOffAt(
    /worker-halt of worker/,
    ...['--seed', '1', '--lease-ms', '3000', '--faults', 'worker-halt', '--folder', runs],
  );
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'chaos: called off\n' });
  expect(readdirSync(runs)).toEqual([]);
  expect(findByCommand(runs)).toEqual([]);
}, 30_000);

test('a plan is printed and nothing is done', async () => {
  const { status, stdout } = await chaos('--seeds', '7,8', '--print-plan', '--folder', join(folder, 'runs'));
  expect(status).toBe(0);
  expect(stdout).toMatch(/^seed 7: .*\n( {2}.*\n)+seed 8: .*\n( {2}.*\n)+$/);
  expect(readdirSync(folder)).toEqual([]);
});

test('every wrong flag is named at once', async () => {
  const { status, stderr } = await chaos('--seed', '1', '--seeds', '1,x', '--seconds', '0', '--faults', 'wroker-kill');
  expect(status).toBe(2);
  expect(stderr).toContain('--seeds has "x"');
  expect(stderr).toContain('--seconds is "0"');
  expect(stderr).toContain('did you mean worker-kill?');
  expect(stderr).toContain('--seed and --seeds exclude each other');
});

test('a flag that there is not is refused, and says where help is', async () => {
  const { status, stderr } = await chaos('--sead', '1');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^error: unknown option '--sead'\n.*--seed.*\n+See npm run chaos -- --help\.\n$/);
});

test('the help names every fault', async () => {
  const { status, stdout } = await chaos('--help');
  expect(status).toBe(0);
  for (const name of FAULTS) expect(stdout).toContain(`  ${name} `);
  expect(stdout).toMatch(/Beyond what Hydra promises[^]*worker-and-guardian-kill/);
});
