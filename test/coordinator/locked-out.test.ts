import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../src/cli/free-port.ts';
import type { Coordinator } from '../../src/coordinator/coordinator.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createTestDatabase } from '../support/database.ts';
import { database, registered, startCoordinator, submit, until } from './support/fixture.ts';

/* What only somebody who mends it can end: nothing is lost by it, and it is said. */

const SOON = { timeout: 30_000, interval: 50 };

/** What the health server says of PostgreSQL. */
async function health(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  return ((await response.json()) as { checks: { postgresql: string } }).checks.postgresql;
}

describe('a coordinator whose user in PostgreSQL', () => {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  let coordinator: Coordinator;
  let port = 0;
  beforeEach(async () => {
    await database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right'`);
    await database.pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
    const url = Object.assign(new URL(database.url), { username: role, password: 'right' });
    port = await freePort();
    coordinator = await startCoordinator({ DATABASE_URL: url.href, HYDRA_HEALTH_PORT: String(port) });
  });
  afterEach(async () => {
    await coordinator.stop();
    await database.pool.query(`DROP OWNED BY ${role}`);
    await database.pool.query(`DROP ROLE ${role}`);
  });

  test('loses a permission keeps results and output, and records them when it has it again', async () => {
    const scripted = await registered(coordinator, { slots: 2 });
    const ids = [await submit(), await submit()];
    const [first, second] = await scripted.attempts(2);
    scripted.reportStarted(first!.ref, second!.ref);
    await until(ids[0]!, { state: 'running' });
    await until(ids[1]!, { state: 'running' });
    await database.pool.query(`REVOKE UPDATE ON tasks FROM ${role}`);
    await database.pool.query(`REVOKE INSERT ON output_chunks FROM ${role}`);
    scripted.reportFinished(first!.ref, 0, 'what it wrote');
    scripted.reportFinished(second!.ref, 7);
    await expect
      .poll(async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), SOON)
      // They are tried again and again, all together.
      .toMatch(/hydra_database_errors_total\{operation="record_reports"\} ([3-9]|\d\d)/);
    expect(scripted.pending('acknowledge')).toEqual([]);

    await database.pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
    expect(await until(first!.ref.taskId, { state: 'completed' })).toMatchObject({ attempt: 1, error: null });
    expect(await until(second!.ref.taskId, { state: 'failed' })).toMatchObject({ attempt: 1, exit_code: 7 });
    const { rows } = await database.pool.query<{ data: Buffer }>('SELECT data FROM output_chunks');
    expect(rows.map(({ data }) => data.toString())).toEqual(['what it wrote']);
    await scripted.next('acknowledge');
  });

  test('gets another password says so, and is back when it is let in again', async () => {
    await expect.poll(() => health(port), SOON).toBe('ok');
    await database.pool.query(`ALTER ROLE ${role} PASSWORD 'other'`);
    await database.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role]);
    await expect.poll(() => health(port), SOON).toContain('the password is wrong (28P01)');
    await database.pool.query(`ALTER ROLE ${role} PASSWORD 'right'`);
    await expect.poll(() => health(port), SOON).toBe('ok');
  });
});

test('a coordinator that is there before its schema says what to do, and goes on when it is done', async () => {
  const empty = await createTestDatabase({ migrated: false });
  const port = await freePort();
  const coordinator = await startCoordinator({ DATABASE_URL: empty.url, HYDRA_HEALTH_PORT: String(port) });
  await expect.poll(() => health(port), SOON).toContain('a table is missing (42P01); run: hydra migrate');
  await migrate(empty.url);
  await expect.poll(() => health(port), SOON).toBe('ok');
  await coordinator.stop();
  await empty.close();
});
