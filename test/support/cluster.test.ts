import { spawn } from 'node:child_process';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCluster } from './cluster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.close());

test('a cluster runs commands on all of its workers, and stops without a trace', async () => {
  const cluster = await startCluster({ database, coordinators: 2, workers: 3, slots: 1 });
  const tasks = Array.from({ length: 3 }, () => ({ command: 'sleep 1' }));
  const response = await fetch(`${cluster.schedulerUrl}/schedule/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tasks }),
  });
  expect(response.status).toBe(201);
  for (;;) {
    const { rows } = await database.pool.query<{ ended: number; workers: string[] }>(
      "SELECT count(*)::int AS ended, array_agg(worker_id) AS workers FROM tasks WHERE state = 'completed'",
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (rows[0]?.ended !== 3) continue;
    const workers = cluster.workers.map(({ details }) => details.workerId);
    expect(rows[0].workers.sort()).toEqual(workers.sort());
    break;
  }
  await cluster.stop();
});

test('a killed process may be untidy, one that is asked to stop may not', async () => {
  const cluster = await startCluster({ database, workers: 2 });
  const [first, second] = cluster.workers;
  if (first === undefined || second === undefined) throw new Error('there are two workers');
  expect(await cluster.kill(first, 'SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await cluster.kill(second, 'SIGTERM')).toEqual({ code: 0, signal: null });
  await cluster.stop();
});

test('a process that is left over fails the stop, and is killed', async () => {
  const cluster = await startCluster({ database, workers: 0 });
  const left = spawn('sleep', ['300'], { env: { PATH: process.env.PATH, ...cluster.marker } });
  const ended = new Promise((resolve) => left.once('exit', (_code, signal) => resolve(signal)));
  await expect(cluster.stop()).rejects.toThrow(`${left.pid} sleep 300`);
  expect(await ended).toBe('SIGKILL');
});

test('a connection that is left over fails the close of the database', async () => {
  const other = await createTestDatabase();
  const client = new pg.Client({ connectionString: other.url, application_name: 'leak' });
  client.on('error', () => undefined);
  await client.connect();
  await expect(other.close()).rejects.toThrow('leak');
  await client.end();
});
