import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Listener } from '../../src/db/listener.ts';
import { databaseFault } from '../../src/db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { linkTo } from '../support/link-to.ts';

const NAME = 'listener under test';

/** Whatever takes longer has failed. */
const SOON = { timeout: 20_000, interval: 20 };

let database: TestDatabase;
/** Undone after each test, the last first. */
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await database.close();
});

async function listen(url: string) {
  const told = { heard: [] as string[], faults: [] as string[], listening: 0 };
  const listener = new Listener({
    url,
    applicationName: NAME,
    handlers: { news: (payload) => told.heard.push(payload) },
    onListening: () => (told.listening += 1),
    onError: (error) => told.faults.push(databaseFault(error)),
  });
  cleanups.push(() => listener.stop());
  await listener.start();
  return { listener, told };
}

/** Says something, and returns once it was heard. */
async function untilHeard(told: { readonly heard: readonly string[] }): Promise<void> {
  const payload = randomUUID();
  await database.pool.query('SELECT pg_notify($1, $2)', ['news', payload]);
  await expect.poll(() => told.heard, SOON).toContain(payload);
}

test('comes back when its connection is ended, and says that it may have missed something', async () => {
  const { told } = await listen(database.url);
  await expect.poll(() => told.listening, SOON).toBe(1);
  await database.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
    NAME,
  ]);
  await expect.poll(() => told.listening, SOON).toBe(2);
  expect(told.faults).toEqual(['the server has ended the connection (57P01)']);
  await untilHeard(told);
});

test('tries on while nobody lets it in', async () => {
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  await database.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right' CONNECTION LIMIT 0`);
  const { listener, told } = await listen(
    Object.assign(new URL(database.url), { username: role, password: 'right' }).href,
  );
  await expect.poll(() => told.faults.length, SOON).toBeGreaterThan(2);
  expect(new Set(told.faults)).toEqual(new Set(['too many connections (53300)']));
  await database.pool.query(`ALTER ROLE ${role} CONNECTION LIMIT 1`);
  await expect.poll(() => told.listening, SOON).toBe(1);
  await untilHeard(told);
  await listener.stop();
  cleanups.pop();
  await expect
    .poll(
      () =>
        database.pool.query(`DROP ROLE ${role}`).then(
          () => true,
          () => false,
        ),
      SOON,
    )
    .toBe(true);
});

test('finds out by a check that its connection is dead, and listens on another', async () => {
  const { link, url } = await linkTo(database.url);
  cleanups.push(() => link.close());
  const { listener, told } = await listen(url);
  await expect.poll(() => told.listening, SOON).toBe(1);
  link.break({ kind: 'half-open', afterwards: 'stay dead' });
  link.mend();
  listener.check();
  await expect.poll(() => told.listening, SOON).toBe(2);
  expect(told.faults).toEqual(['does not answer']);
  await untilHeard(told);
});

test('a check of a connection that is alive changes nothing', async () => {
  const { listener, told } = await listen(database.url);
  listener.check();
  await expect.poll(() => told.listening, SOON).toBe(1);
  listener.check();
  await untilHeard(told);
  expect([told.listening, told.faults]).toEqual([1, []]);
});

test('stops in time when the other side does not answer its goodbye', async () => {
  const { link, url } = await linkTo(database.url);
  cleanups.push(() => link.close());
  const { listener, told } = await listen(url);
  await expect.poll(() => told.listening, SOON).toBe(1);
  link.break({ kind: 'half-open', afterwards: 'stay dead' });
  const started = performance.now();
  await listener.stop();
  expect(performance.now() - started).toBeLessThan(3_000);
});
