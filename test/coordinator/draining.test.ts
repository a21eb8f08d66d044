import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { drainWorker } from '../../src/db/drain-worker.ts';
import { storedTask } from '../support/tasks.ts';
import { again, database, registered, startCoordinator, submit, worker } from './support/fixture.ts';

describe('draining', () => {
  test('is asked for by anyone, reaches the worker, and ends with its leaving', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator, { slots: 2 });
    await submit();
    const [attempt] = await scripted.attempts(1);
    expect(await drainWorker(database.pool, scripted.registration.workerId, null)).toBe(true);
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: null });
    const later = await submit();
    scripted.send({ kind: 'draining' });
    scripted.reportFinished(attempt!.ref);
    await scripted.next('acknowledge');
    scripted.send({ kind: 'goodbye' });
    expect(await scripted.ended).toMatchObject({ code: status.OK });
    expect(scripted.pending('dispatch')).toEqual([]);
    expect(await storedTask(database.pool, later)).toMatchObject({ state: 'scheduled', attempt: 0 });
    expect((await database.pool.query('SELECT FROM workers')).rowCount).toBe(0);
    expect(await drainWorker(database.pool, scripted.registration.workerId, null)).toBe(false);
  });

  test('says how long what runs may take, and again when that gets shorter', async () => {
    const scripted = await registered(await startCoordinator());
    const { workerId } = scripted.registration;
    await drainWorker(database.pool, workerId, 60_000);
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: 60_000 });
    await drainWorker(database.pool, workerId, 5_000);
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: 5_000 });
    // Of several the shortest counts, and what was said is not said again.
    await drainWorker(database.pool, workerId, 30_000);
    const acknowledged = () => scripted.next('heartbeat_ack');
    for (let renewals = 0; renewals < 3; renewals++) await acknowledged();
    expect(scripted.pending('drain')).toEqual([]);
  });

  test('of a worker that drains by itself can be given a time as well', async () => {
    const scripted = await registered(await startCoordinator());
    scripted.send({ kind: 'draining' });
    await drainWorker(database.pool, scripted.registration.workerId, 5_000);
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: 5_000 });
  });

  test('is told with its time to a worker that comes back, elsewhere too', async () => {
    const [first, second] = [await startCoordinator(), await startCoordinator()];
    const before = await registered(first);
    await drainWorker(database.pool, before.registration.workerId, 5_000);
    await before.next('drain');
    before.vanish();
    const after = again(before, second);
    await after.register();
    expect(await after.next('drain')).toEqual({ kind: 'drain', timeoutMs: 5_000 });
    after.vanish();
    const saysSo = after.again(first.address, [], { draining: true });
    await saysSo.register();
    expect(await saysSo.next('drain')).toEqual({ kind: 'drain', timeoutMs: 5_000 });
    saysSo.vanish();
  });

  test('that was asked for while the notification was lost is told with a heartbeat', async () => {
    const scripted = await registered(await startCoordinator());
    await database.pool.query('UPDATE workers SET draining = true, drain_timeout_ms = 1234');
    expect(await scripted.next('drain')).toEqual({ kind: 'drain', timeoutMs: 1_234 });
  });

  test('gives back what crossed the goodbye on its way', async () => {
    const coordinator = await startCoordinator();
    const leaving = await registered(coordinator);
    const id = await submit();
    await leaving.attempts(1);
    leaving.send({ kind: 'goodbye' });
    await leaving.ended;
    const next = worker(coordinator);
    await next.register();
    expect((await next.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0 });
  });
});
