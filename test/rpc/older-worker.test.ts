import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import type { Coordinator } from '../../src/coordinator/coordinator.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { drainWorker } from '../../src/db/drain-worker.ts';
import { beforeStop, database, startCoordinator, submit, until } from '../coordinator/support/fixture.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { storedTask } from '../support/tasks.ts';
import { OlderWorker, type WireRef, type WireRegister } from './support/older-worker.ts';

/* A worker of the release before at coordinators of this one. */

async function registered(coordinator: Coordinator, register: Partial<WireRegister> = {}): Promise<OlderWorker> {
  const worker = kept(new OlderWorker(coordinator.address, register));
  await worker.register();
  return worker;
}

function kept(worker: OlderWorker): OlderWorker {
  beforeStop(() => worker.vanish());
  return worker;
}

/** A task that it has been sent, and whose command it says has started. */
async function running(worker: OlderWorker): Promise<{ readonly id: string; readonly ref: WireRef }> {
  await submit();
  const [ref] = await worker.attempts(1);
  const { task_id: id } = ref!;
  worker.reportStarted(ref!);
  await until(id, { state: 'running', worker_id: worker.id });
  return { id, ref: ref! };
}

const refOf = ({ task_id: taskId, attempt }: WireRef) => `${taskId}/${attempt}`;

/** A piece of output: all that the command has written. */
function piece(ref: WireRef, text: string) {
  const data = Buffer.from(text);
  return { ref, start: 0, data, segments: [data.length], stdout_end: data.length, stderr_end: 0 };
}

async function outputOf(id: string): Promise<string> {
  const { rows } = await database.pool.query<{ data: Buffer }>(
    'SELECT data FROM output_chunks WHERE task_id = $1 ORDER BY attempt, start_at',
    [id],
  );
  return Buffer.concat(rows.map(({ data }) => data)).toString();
}

test('is registered and has its lease renewed by its heartbeats', async () => {
  const coordinator = await startCoordinator();
  const worker = kept(new OlderWorker(coordinator.address));
  expect(await worker.register()).toMatchObject({ lease_ms: 2_000, heartbeat_interval_ms: 666, superseded: [] });
  const leaseUntil = async () => {
    const { rows } = await database.pool.query<{ lease_until: Date }>('SELECT lease_until FROM workers WHERE id = $1', [
      worker.id,
    ]);
    return rows[0]!.lease_until.getTime();
  };
  const before = await leaseUntil();
  for (let answered = 0; answered < 3;) {
    const { renewed, sequence } = await worker.next('heartbeat_ack');
    expect(renewed).toBe(true);
    answered = sequence;
  }
  expect(await leaseUntil()).toBeGreaterThan(before);
});

test('runs a task: its start, its output and its result are recorded and acknowledged', async () => {
  const worker = await registered(await startCoordinator());
  const { id, ref } = await running(worker);
  worker.send({ output: { chunks: [piece(ref, 'hello\n')] } });
  expect((await worker.next('output_ack')).stored.map((stored) => refOf(stored.ref))).toEqual([refOf(ref)]);
  worker.reportFinished([ref], { exit_code: 3, cpu_ms: 7 });
  expect((await worker.next('acknowledge')).recorded).toEqual([ref]);
  expect(await storedTask(database.pool, id)).toMatchObject({ state: 'failed', exit_code: 3, cpu_ms: '7', attempt: 1 });
  expect(await outputOf(id)).toBe('hello\n');
});

test('has the output that comes with a result recorded', async () => {
  const worker = await registered(await startCoordinator());
  const { id, ref } = await running(worker);
  worker.reportFinished([ref], { output: [piece(ref, 'all of it')] });
  expect((await worker.next('acknowledge')).recorded).toEqual([ref]);
  expect(await outputOf(id)).toBe('all of it');
});

test('reads what its command reads, from where it stopped', async () => {
  const worker = await registered(await startCoordinator());
  await submit({ stdin: Buffer.from('0123456789') });
  const [ref] = await worker.attempts(1);
  expect(await worker.stdin(ref!, 4)).toBe('456789');
});

test('comes back with what it runs and with results nobody acknowledged, and nothing is run twice', async () => {
  const coordinators = [await startCoordinator(), await startCoordinator()] as const;
  const worker = await registered(coordinators[0], { slots: 2 });
  const [first, second] = [await running(worker), await running(worker)];
  worker.vanish();
  const back = kept(worker.again(coordinators[1].address, [first.ref, second.ref]));
  expect((await back.register()).superseded).toEqual([]);
  back.reportFinished([first.ref]);
  expect((await back.next('acknowledge')).recorded).toEqual([first.ref]);
  // Once more, as if the acknowledgement had been lost.
  back.reportFinished([first.ref, second.ref], { exit_code: 1 });
  const answered = new Set<string>();
  while (answered.size < 2) {
    const { recorded, superseded } = await back.next('acknowledge');
    for (const ref of [...recorded, ...superseded]) answered.add(refOf(ref));
  }
  expect(answered).toEqual(new Set([first.ref, second.ref].map(refOf)));
  expect(await storedTask(database.pool, first.id)).toMatchObject({ state: 'completed', exit_code: 0, attempt: 1 });
  expect(await storedTask(database.pool, second.id)).toMatchObject({ state: 'failed', exit_code: 1, attempt: 1 });
});

test('is told what is not its own any more', async () => {
  const coordinator = await startCoordinator();
  const worker = await registered(coordinator);
  const { id, ref } = await running(worker);
  worker.vanish();
  // It is silent for longer than its lease.
  await until(id, { state: 'scheduled' });
  const back = kept(worker.again(coordinator.address, [ref]));
  expect((await back.register()).superseded).toEqual([ref]);
  const [next] = await back.attempts(1);
  expect(next).toEqual({ task_id: id, attempt: 2 });
});

test('cancels what it is told to', async () => {
  const worker = await registered(await startCoordinator());
  const { id, ref } = await running(worker);
  await cancelTask(database.pool, id);
  expect((await worker.next('cancel')).refs).toEqual([ref]);
  worker.reportFinished([ref], { reason: 'REASON_CANCELLED', exit_code: undefined, signal: 'SIGTERM' });
  await until(id, { state: 'cancelled', reason: 'cancelled', signal: 'SIGTERM' });
});

test('drains when it is asked to, finishes what it runs, and says goodbye', async () => {
  const worker = await registered(await startCoordinator(), { slots: 2 });
  const { id, ref } = await running(worker);
  await drainWorker(database.pool, worker.id, 60_000);
  expect((await worker.next('drain')).timeout_ms).toBe(60_000);
  worker.send({ draining: {} });
  const waiting = await submit();
  worker.reportFinished([ref]);
  expect((await worker.next('acknowledge')).recorded).toEqual([ref]);
  worker.leave();
  expect(await worker.ended).toMatchObject({ code: status.OK });
  await expect
    .poll(() => database.pool.query('SELECT FROM workers'), { timeout: 10_000 })
    .toMatchObject({ rowCount: 0 });
  await until(id, { state: 'completed' });
  expect(await storedTask(database.pool, waiting)).toMatchObject({ state: 'scheduled', attempt: 0 });
});

test('hears that its lease was not renewed while PostgreSQL is away, and goes on when it is back', async () => {
  const proxy = new TcpProxy(new URL(database.url));
  onTestFinished(() => proxy.stop());
  const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start() });
  const worker = await registered(coordinator);
  const { id, ref } = await running(worker);
  proxy.holdAnswerTo((sent) => sent.includes('renew-leases'));
  while ((await worker.next('heartbeat_ack')).renewed);
  proxy.letGo();
  while (!(await worker.next('heartbeat_ack')).renewed);
  worker.reportFinished([ref]);
  expect((await worker.next('acknowledge')).recorded).toEqual([ref]);
  await until(id, { state: 'completed', attempt: 1 });
});

test('stays where it is when it is asked to rebalance, and its tasks end there', async () => {
  const crowded = await startCoordinator();
  const workers = await Promise.all(Array.from({ length: 6 }, () => registered(crowded)));
  const held = await Promise.all(workers.map((worker) => running(worker)));
  await startCoordinator();
  await Promise.race(workers.map((worker) => worker.hearsSomethingNew()));
  for (const [index, worker] of workers.entries()) {
    const { id, ref } = held[index]!;
    worker.reportFinished([ref]);
    expect((await worker.next('acknowledge')).recorded).toEqual([ref]);
    await until(id, { state: 'completed', attempt: 1, worker_id: worker.id });
  }
  // Whoever was asked is served as before.
  for (const { id } of await Promise.all(workers.map((worker) => running(worker)))) {
    await until(id, { state: 'running', attempt: 1 });
  }
});

test('may send as many results at once as the release before allowed it', async () => {
  const coordinator = await startCoordinator({ HYDRA_LEASE_MS: '5000' });
  const slots = 1_000;
  // Each gets a window of results that it does not know of, and the more workers there are the smaller it is.
  await Promise.all(Array.from({ length: 30 }, () => registered(coordinator, { slots })));
  const worker = await registered(coordinator, { slots });
  const results = Array.from({ length: 4 * slots + 100 }, (_, index) => ({
    task_id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    attempt: 1,
  }));
  worker.reportFinished(results);
  for (let acknowledged = 0; acknowledged < results.length;) {
    acknowledged += (await worker.next('acknowledge')).superseded.length;
  }
});
