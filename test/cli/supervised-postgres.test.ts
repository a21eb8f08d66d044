import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { SupervisedPostgres } from '../../src/cli/up/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'hydra-supervised-'));
// As root PostgreSQL runs as another user, which must get through.
chmodSync(folder, 0o711);
const said: string[] = [];
const logger = pino({ level: 'info' }, { write: (line) => said.push(line) });
const postgres = new SupervisedPostgres(folder, logger);

afterEach(async () => {
  await postgres.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('it is started again until it starts, on the same port, also when that fails several times', async () => {
  await postgres.start();
  const { url } = postgres;
  const pid = Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGKILL');
  // Somebody else is quicker.
  const other = createServer();
  await vi.waitFor(async () => {
    other.listen(Number(new URL(url).port), '127.0.0.1');
    await once(other, 'listening');
  });
  const failures = () => said.filter((line) => line.includes('did not start')).length;
  await vi.waitFor(() => expect(failures()).toBeGreaterThan(1), 20_000);
  other.close();
  await vi.waitFor(() => expect(said.at(-1)).toContain('PostgreSQL runs again'), 20_000);
  expect(postgres.url).toBe(url);
}, 60_000);
