import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  allEnded,
  cancelTask,
  cancelTasks,
  drainWorker,
  readAttempts,
  readTask,
  retryTask,
  runTaskNow,
  submitBatch,
  type ShownTask,
  type SubmittedTask,
} from '../support/rest-client.ts';

/* What the API takes and says, with everything behind it that does it. */

let database: TestDatabase;
let cluster: TestCluster;
let url: string;
beforeAll(async () => {
  database = await createTestDatabase();
  cluster = await startCluster({ database, coordinators: 2, workers: 2 });
  url = cluster.schedulerUrl;
});
afterAll(async () => {
  await cluster.stop();
  await database.close();
});

async function submit(task: SubmittedTask): Promise<string> {
  const [id] = await submitBatch(url, [task]);
  return id!;
}

async function ended(id: string): Promise<ShownTask> {
  const [task] = await allEnded(url, [id]);
  return task!;
}

async function until(id: string, state: string): Promise<ShownTask> {
  return expect
    .poll(() => readTask(url, id), { timeout: 20_000 })
    .toMatchObject({ state })
    .then(() => readTask(url, id));
}

async function stdoutOf(id: string): Promise<string> {
  const response = await fetch(`${url}/schedule/${id}/output?stream=stdout`);
  return response.text();
}

describe('what is submitted', () => {
  test('is run as it was given: argv, environment, folder, umask and input', async () => {
    const script = 'cat; echo "$1|$GREETING|$PWD|$(umask)|$HYDRA_TASK_ID"';
    const id = await submit({
      argv: ['sh', '-c', script, 'sh', '"a b"'],
      env: { GREETING: 'hallo "✓"' },
      cwd: '/tmp',
      umask: '027',
      stdin: 'read\n',
    });
    expect(await ended(id)).toMatchObject({ state: 'completed', exit_code: 0 });
    expect(await stdoutOf(id)).toBe(`read\n"a b"|hallo "✓"|/tmp|0027|${id}\n`);
  });

  test('has secrets that the command knows and nobody reads', async () => {
    const id = await submit({
      command: 'test "$TOKEN" = hunter2 && echo "it is $TOKEN"',
      secret_env: { TOKEN: 'hunter2' },
    });
    expect(await ended(id)).toMatchObject({ state: 'completed', exit_code: 0 });
    expect(await stdoutOf(id)).toMatch(/^it is (?!hunter2)/);
  });

  test('is read from bytes of any kind', async () => {
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, i) => i % 256));
    const id = await submit({ argv: ['cat'], stdin_base64: bytes.toString('base64') });
    await ended(id);
    const response = await fetch(`${url}/schedule/${id}/output?stream=stdout`);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('is given up when it has not started by its deadline', async () => {
    const id = await submit({
      command: 'true',
      queue: 'default',
      labels: { nobody: 'has' },
      start_deadline: '2020-01-01',
    });
    expect(await ended(id)).toMatchObject({ state: 'expired', attempt: 0 });
  });

  test('is tried again as often as its policy says', async () => {
    const backoff = { type: 'fixed', delay_ms: 1 };
    const retried = { command: 'exit $HYDRA_ATTEMPT', max_attempts: 5, backoff, success_exit_codes: [3] };
    const rule = { on: 'exit_code', codes: [1], max_retries: 1 };
    const ids = await submitBatch(url, [retried, { ...retried, retry_on: [rule] }]);
    const [third, second] = await allEnded(url, ids);
    expect(third).toMatchObject({ state: 'completed', exit_code: 3, attempt: 3, retries: 2 });
    expect(second).toMatchObject({ state: 'failed', exit_code: 2, attempt: 2, retries: 1 });
    expect((await readAttempts(url, ids[0]!)).map(({ exit_code: code }) => code)).toEqual([1, 2, 3]);
  });
});

describe('a task', () => {
  test('is cancelled while it waits, and while it runs', async () => {
    const [waiting, running] = await submitBatch(url, [
      { command: 'true', scheduled_at: '2040-01-01' },
      { command: 'sleep 60' },
    ]);
    expect(await cancelTask(url, waiting!)).toMatchObject({ state: 'cancelled', attempt: 0 });
    await until(running!, 'running');
    expect((await cancelTask(url, running!)).cancel_requested_at).not.toBeNull();
    expect(await ended(running!)).toMatchObject({ state: 'cancelled', reason: 'cancelled', signal: 'SIGTERM' });
  });

  test('is cancelled before it is sent, when it is claimed ahead of its time', async () => {
    const id = await submit({ command: 'true', scheduled_at: new Date(Date.now() + 20_000).toISOString() });
    await until(id, 'picked');
    expect(await cancelTask(url, id)).toMatchObject({ state: 'cancelled', reason: 'cancelled', started_at: null });
  });

  test('is cancelled with all others that match', async () => {
    const labels = { nobody: 'has-this' };
    const ids = await submitBatch(url, [
      { command: 'true', labels },
      { command: 'true', labels },
      { command: 'sleep 60' },
    ]);
    await until(ids[2]!, 'running');
    expect(await cancelTasks(url, { labels })).toEqual({ cancelled: 2, cancelling: 0 });
    expect(await cancelTasks(url, { states: ['running'] })).toEqual({ cancelled: 0, cancelling: 1 });
    expect((await allEnded(url, ids)).map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  test('is run again after its end, and its attempts are kept', async () => {
    const id = await submit({ command: 'exit $HYDRA_ATTEMPT' });
    expect(await ended(id)).toMatchObject({ state: 'failed', exit_code: 1 });
    expect(await retryTask(url, id)).toMatchObject({ state: 'scheduled', exit_code: null });
    expect(await ended(id)).toMatchObject({ state: 'failed', exit_code: 2, attempt: 2 });
    const attempts = await readAttempts(url, id);
    expect(attempts.map(({ attempt, exit_code: code }) => [attempt, code])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  test.each([
    ['waits', 3_600_000],
    ['is claimed ahead of its time', 20_000],
  ])('is brought forward when it %s', async (_, dueInMs) => {
    const id = await submit({ command: 'true', scheduled_at: new Date(Date.now() + dueInMs).toISOString() });
    if (dueInMs < 60_000) await until(id, 'picked');
    const began = performance.now();
    await runTaskNow(url, id);
    expect(await ended(id)).toMatchObject({ state: 'completed' });
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test('a worker is drained: what it runs too long goes elsewhere', async () => {
  const id = await submit({ command: 'test $HYDRA_ATTEMPT -gt 1 || sleep 60' });
  const first = (await until(id, 'running')).worker_id!;
  await drainWorker(url, first, 200);
  const task = await ended(id);
  expect(task).toMatchObject({ state: 'completed', attempt: 2, lost_attempts: 1, retries: 0 });
  expect(task.worker_id).not.toBe(first);
  expect((await readAttempts(url, id)).map(({ reason }) => reason)).toEqual(['worker_lost', 'exited']);
  await expect(drainWorker(url, 'nobody')).rejects.toThrow('there is no worker nobody');
});
