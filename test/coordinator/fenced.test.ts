import { describe, expect, test } from 'vitest';
import type { AttemptResult } from '../../src/domain/task-state.ts';
import type { AttemptRef, FinishedReport } from '../../src/rpc/messages.ts';
import { storedTask } from '../support/tasks.ts';
import { again, database, registered, startCoordinator, submit, until } from './support/fixture.ts';
import type { ScriptedWorker } from './support/scripted-worker.ts';

/* A worker could not renew its lease, has killed what it ran, and comes back before anybody has taken that back. */

const LOST: AttemptResult = {
  reason: 'worker_lost',
  exitCode: null,
  signal: 'SIGKILL',
  error: 'its worker could not renew its lease',
};
const LONG_LEASE = { HYDRA_LEASE_MS: '15000' };

const named = (ref: AttemptRef) => ({ ref, startedAgeUs: 5_000 });

/** It had not been started when the lease ended. */
function reportUnstarted(scripted: ScriptedWorker, ref: AttemptRef): void {
  const report: FinishedReport = {
    ref,
    startedAgeUs: null,
    endedAgeUs: 1_000,
    result: { ...LOST, signal: null },
    output: [],
    usage: { cpuMs: null, peakMemoryBytes: null },
  };
  scripted.send({ kind: 'report', started: [], finished: [report] });
}

/** A worker that was sent a task, and whose session broke before anything was heard of that. */
async function unheard(seed: Parameters<typeof submit>[0]) {
  const coordinator = await startCoordinator(LONG_LEASE);
  const before = await registered(coordinator);
  const id = await submit(seed);
  const [attempt] = await before.attempts(1);
  before.vanish();
  return { before, coordinator, id, ref: attempt!.ref };
}

describe('an attempt whose start was never heard of and that its worker names', () => {
  test('fails the task that must not run again', async () => {
    const { before, coordinator, id, ref } = await unheard({ retryLost: false });
    const after = again(before, coordinator, [named(ref)]);
    expect(await after.register()).toMatchObject({ superseded: [] });
    after.reportEnd(ref, LOST);
    expect(await after.next('acknowledge')).toEqual({ kind: 'acknowledge', recorded: [ref], superseded: [] });
    expect(await storedTask(database.pool, id)).toMatchObject({
      ...{ state: 'failed', reason: 'worker_lost', attempt: 1, worker_id: before.registration.workerId },
      error: 'its worker could not renew its lease, and the task must not run again then',
    });
  });

  test('fails it at another coordinator, too', async () => {
    const { before, id, ref } = await unheard({ retryLost: false });
    const after = again(before, await startCoordinator(LONG_LEASE), [named(ref)]);
    await after.register();
    after.reportEnd(ref, LOST);
    expect(await after.next('acknowledge')).toMatchObject({ recorded: [ref] });
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'failed', reason: 'worker_lost' });
  });

  test('is followed by another where that may be, and counts as lost', async () => {
    const { before, coordinator, id, ref } = await unheard({ retry: { max_attempts: 1 } });
    const after = again(before, coordinator, [named(ref)]);
    await after.register();
    after.reportEnd(ref, LOST);
    await after.next('acknowledge');
    expect((await after.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 1, retry_counts: [] });
  });

  test('is superseded when it was taken back meanwhile', async () => {
    const coordinator = await startCoordinator(); // with a short lease
    const before = await registered(coordinator);
    const id = await submit({ retryLost: false });
    const [attempt] = await before.attempts(1);
    before.vanish();
    await until(id, { state: 'failed', reason: 'worker_lost' });
    const after = again(before, coordinator, [named(attempt!.ref)]);
    expect(await after.register()).toMatchObject({ superseded: [attempt!.ref] });
    after.reportEnd(attempt!.ref, LOST);
    expect(await after.next('acknowledge')).toMatchObject({ recorded: [], superseded: [attempt!.ref] });
  });
});

describe('an attempt that had not started', () => {
  test('goes back without counting, whatever the task says of lost attempts', async () => {
    const { before, id, ref } = await unheard({ retryLost: false });
    // Not named: only its report tells of it, here to a coordinator that did not claim it.
    const other = await startCoordinator(LONG_LEASE);
    const after = again(before, other);
    await after.register();
    reportUnstarted(after, ref);
    await after.next('acknowledge'); // recorded, or superseded if the claim was given up before
    await until(id, { attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0, first_started_at: null });
  });

  test('nor when a registration had named it while it was about to start', async () => {
    const { before, coordinator, id, ref } = await unheard({ retryLost: false });
    const after = again(before, coordinator, [named(ref)]);
    await after.register();
    await until(id, { state: 'running' });
    reportUnstarted(after, ref);
    expect(await after.next('acknowledge')).toMatchObject({ recorded: [ref] });
    expect((await after.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0 });
  });

  test('ends as cancelled if somebody asked for that', async () => {
    const { before, coordinator, id, ref } = await unheard({});
    const after = again(before, coordinator, [named(ref)]);
    await after.register();
    await database.pool.query('UPDATE tasks SET cancel_requested_at = now() WHERE id = $1', [id]);
    reportUnstarted(after, ref);
    await after.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'cancelled', started_at: null });
  });
});
