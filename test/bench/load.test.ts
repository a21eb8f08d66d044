import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../bench/load.mjs', import.meta.url));

/** Whatever else was measured, these are figures. */
function expectFigures(rows: readonly Record<string, unknown>[], names: readonly string[]): void {
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) for (const name of names) expect(medianOf(row[name]), name).toBeGreaterThan(0);
}

const medianOf = (figure: unknown) =>
  typeof figure === 'number' ? figure : (figure as { readonly median: number } | undefined)?.median;

type Rows = Record<string, unknown>[];

interface Printed {
  readonly quick: boolean;
  readonly results: {
    readonly rest: { readonly data: { readonly hydra: Rows; readonly wire: Rows } };
    readonly load: { readonly data: { readonly hydra: Rows; readonly paced: Rows; readonly wire: Rows } };
    readonly pending: { readonly data: Rows };
    readonly herd: { readonly data: Rows };
  };
}

test('the load benchmark works and prints its tables, however fast it is', async ({ signal }) => {
  const { stderr, stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--quick', '--json'], {
    maxBuffer: 10_000_000,
    signal,
  });
  for (const heading of ['At rest', 'Under load', 'At a pace', 'pending tasks', 'A coordinator is killed']) {
    expect(stderr).toContain(heading);
  }
  const { quick, results } = JSON.parse(stdout) as Printed;
  expect(quick).toBe(true);
  const { herd, load, pending, rest } = results;
  // Without sessions there are no heartbeats.
  expectFigures(rest.data.hydra.slice(1), ['sessions', 'rss', 'p50', 'p99']);
  expectFigures(rest.data.wire, ['p50']);
  expectFigures(load.data.hydra, ['rate', 'perTask', 'postgres', 'rss']);
  expectFigures(load.data.wire, ['rate']);
  expectFigures(load.data.paced, ['p50', 'p99']);
  expectFigures(pending.data, ['first', 'rate', 'pass', 'list', 'stats', 'rss']);
  expectFigures(herd.data, ['sessions', 'moved', 'p50', 'most']);
}, 600_000);
