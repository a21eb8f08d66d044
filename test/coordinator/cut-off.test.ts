import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Coordinator } from '../../src/coordinator/coordinator.ts';
import { linkTo } from '../support/link-to.ts';
import { storedTask } from '../support/tasks.ts';
import { askStanding, untilRenewing } from './support/ask-standing.ts';
import { again, database, registered, startCoordinator, submit, until, worker } from './support/fixture.ts';
import type { ScriptedWorker } from './support/scripted-worker.ts';

/* Coordinators whose way to PostgreSQL breaks, alone or all at once, and workers that do as the protocol says. */

const LEASE_MS = 3_000;
const ENV = { HYDRA_LEASE_MS: String(LEASE_MS) };

/** A coordinator with a way to PostgreSQL of its own. */
async function startLinked() {
  const { link, url } = await linkTo(database.url);
  onTestFinished(() => link.close());
  return { link, coordinator: await startCoordinator({ ...ENV, DATABASE_URL: url }) };
}

/** Waits until the lease of a row has ended by PostgreSQL's clock. */
async function untilEnded(table: 'workers' | 'coordinators', id: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const sql = `SELECT count(*)::int AS count FROM ${table} WHERE id::text = $1 AND lease_until > now()`;
        return (await database.pool.query<{ count: number }>(sql, [id])).rows[0]!.count;
      },
      { timeout: 30_000 },
    )
    .toBe(0);
}

/** A worker that runs a task, as PostgreSQL knows. */
async function running(coordinator: Coordinator, slots = 1) {
  const scripted = await registered(coordinator, { slots });
  const id = await submit();
  const [attempt] = await scripted.attempts(1);
  scripted.reportStarted(attempt!.ref);
  await until(id, { state: 'running' });
  return { id, ref: attempt!.ref, scripted };
}

/** The worker leaves its session, and registers with another coordinator, with all that it runs. */
async function move(scripted: ScriptedWorker, to: Coordinator, refs: readonly { taskId: string; attempt: number }[]) {
  scripted.vanish();
  const moved = again(
    scripted,
    to,
    refs.map((ref) => ({ ref, startedAgeUs: 5_000 })),
  );
  return { moved, answer: await moved.register() };
}

/** What is recorded of a task that ran once, undisturbed. */
const ONCE = { state: 'completed', attempt: 1, lost_attempts: 0 };

describe('a coordinator that alone is cut off', () => {
  test('gives its workers to another, with what it could not record and what they never received', async () => {
    const { coordinator: cut, link } = await startLinked();
    const other = await startCoordinator(ENV);
    await untilRenewing(other);
    const { id, ref, scripted } = await running(cut, 3);
    const [unrecorded, unreceived] = [await submit(), await submit()];
    const attempts = await scripted.attempts(2);
    link.break({ kind: 'refuse' });
    const received = attempts.find((attempt) => attempt.ref.taskId === unrecorded)!.ref;
    scripted.reportStarted(received);
    expect(await scripted.heartbeatAck(false)).toMatchObject({ holdsOffMs: LEASE_MS });
    await untilRenewing(other);
    const { answer, moved } = await move(scripted, other, [ref, received]);
    expect(answer.superseded).toEqual([]);
    for (const own of [ref, received]) {
      moved.reportFinished(own);
      expect(await moved.next('acknowledge')).toMatchObject({ recorded: [own] });
    }
    // What was sent and not received is taken back with the lease of the coordinator that had sent it.
    const [taken] = await moved.attempts(1);
    expect(taken!.ref).toEqual({ taskId: unreceived, attempt: 2 });
    link.mend();
    await untilRenewing(cut);
    moved.reportFinished(taken!.ref);
    await moved.next('acknowledge');
    for (const task of [id, unrecorded]) expect(await storedTask(database.pool, task)).toMatchObject(ONCE);
    expect(await storedTask(database.pool, unreceived)).toMatchObject({ state: 'completed', attempt: 2 });
    // It serves again.
    const late = await registered(cut);
    const next = await submit();
    const first = await Promise.race([late.attempts(1), moved.attempts(1)]);
    expect(first[0]!.ref).toEqual({ taskId: next, attempt: 1 });
  });

  test('gives back what its worker never received, when it is back before its lease ends', async () => {
    const { coordinator: cut, link } = await startLinked();
    const other = await startCoordinator(ENV);
    await untilRenewing(other);
    const scripted = await registered(cut);
    const id = await submit({ retryLost: false });
    await scripted.attempts(1);
    link.break({ kind: 'refuse' });
    await scripted.heartbeatAck(false);
    const { moved } = await move(scripted, other, []);
    link.mend();
    // Its worker has registered anew and did not name it: so it does not count as lost.
    const [attempt] = await moved.attempts(1);
    expect(attempt!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0 });
  });

  test('that was removed meanwhile sends nothing of what it had claimed', async () => {
    const { coordinator: cut, link } = await startLinked();
    const scripted = await registered(cut, { slots: 2 });
    const ahead = await submit({ dueInMs: 8_000 });
    await until(ahead, { state: 'picked', coordinator_id: cut.id });
    const other = await startCoordinator(ENV);
    await untilRenewing(other);
    link.break({ kind: 'refuse' });
    await scripted.heartbeatAck(false);
    const { moved } = await move(scripted, other, []);
    await untilEnded('coordinators', cut.id);
    await until(ahead, { coordinator_id: other.id });
    link.mend();
    await untilRenewing(cut);
    const late = await registered(cut);
    const first = await Promise.race([late.attempts(1), moved.attempts(1)]);
    expect(first[0]!.ref).toEqual({ taskId: ahead, attempt: 1 });
    moved.reportFinished(first[0]!.ref);
    await until(ahead, ONCE);
    expect([...late.pending('dispatch'), ...moved.pending('dispatch')]).toEqual([]);
  });

  test('by connections that die without a word loses no worker either', async () => {
    const { coordinator: cut, link } = await startLinked();
    const other = await startCoordinator(ENV);
    const { id, ref, scripted } = await running(cut);
    link.break({ kind: 'half-open', afterwards: 'reset' });
    await scripted.heartbeatAck(false);
    await untilRenewing(other);
    const { answer, moved } = await move(scripted, other, [ref]);
    expect(answer.superseded).toEqual([]);
    await untilEnded('coordinators', cut.id);
    moved.reportFinished(ref);
    await moved.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject(ONCE);
    link.mend();
  });
});

describe('when PostgreSQL is away for everybody', () => {
  test('longer than a lease, nobody is lost for it', async () => {
    const { coordinator: first, link } = await startLinked();
    const { coordinator: second, link: otherLink } = await startLinked();
    const [one, two] = [await running(first), await running(second)];
    for (const way of [link, otherLink]) way.break({ kind: 'stall', direction: 'both' });
    for (const { scripted } of [one, two]) await scripted.heartbeatAck(false);
    for (const coordinator of [first, second]) {
      expect(await askStanding(coordinator)).toMatchObject({ renewing: false, holdsOffMs: LEASE_MS });
    }
    for (const { scripted } of [one, two]) await untilEnded('workers', scripted.registration.workerId);
    for (const way of [link, otherLink]) way.mend();
    for (const { id, ref, scripted } of [one, two]) {
      await scripted.heartbeatAck(true);
      scripted.reportFinished(ref);
      await scripted.next('acknowledge');
      expect(await storedTask(database.pool, id)).toMatchObject(ONCE);
    }
  });

  test('and comes back for one of them first, that one waits for the workers of the others', async () => {
    const { coordinator: last, link } = await startLinked();
    const { coordinator: first, link: firstLink } = await startLinked();
    await untilRenewing(first);
    const { id, ref, scripted } = await running(last);
    for (const way of [link, firstLink]) way.break({ kind: 'refuse' });
    await untilEnded('workers', scripted.registration.workerId);
    expect(await askStanding(first)).toMatchObject({ renewing: false });
    firstLink.mend();
    await untilRenewing(first);
    // Its own cannot serve it, so it comes: its lease has long ended, and nobody has taken it.
    await scripted.heartbeatAck(false);
    const { answer, moved } = await move(scripted, first, [ref]);
    expect(answer.superseded).toEqual([]);
    moved.reportFinished(ref);
    await moved.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject(ONCE);
    link.mend();
  });
});

describe('a worker id that is used twice at once', () => {
  const twin = (coordinator: Coordinator, workerId: string) =>
    worker(coordinator, { workerId, instanceId: randomUUID(), hostname: 'twin', pid: 2 });

  /** How a second process with the worker's id fares. */
  async function refusal(coordinator: Coordinator, scripted: ScriptedWorker): Promise<string> {
    const second = twin(coordinator, scripted.registration.workerId);
    await expect(second.register()).rejects.toThrow();
    const end = await second.ended;
    expect(end.code).toBe(status.ALREADY_EXISTS);
    return end.details;
  }

  test('is refused by another coordinator, too, also when that of the first is cut off', async () => {
    const { coordinator: cut, link } = await startLinked();
    const other = await startCoordinator(ENV);
    await untilRenewing(other);
    const scripted = await registered(cut, { pid: 1 });
    const { workerId } = scripted.registration;
    const inUse = `worker_id ${workerId} is in use by process 1 on test; give each worker an id of its own`;
    expect(await refusal(other, scripted)).toBe(inUse);
    link.break({ kind: 'refuse' });
    await scripted.heartbeatAck(false);
    expect(await refusal(other, scripted)).toBe(inUse);
    const { moved } = await move(scripted, other, []);
    expect(await refusal(other, scripted)).toBe(inUse);
    await moved.heartbeatAck(true);
    link.mend();
  });

  test('is refused after an outage until the first has had time to renew', async () => {
    const { coordinator, link } = await startLinked();
    const { id, ref, scripted } = await running(coordinator);
    link.break({ kind: 'refuse' });
    await untilEnded('workers', scripted.registration.workerId);
    scripted.hang(); // so that the twin comes first
    const registering = async () => {
      const second = twin(coordinator, scripted.registration.workerId);
      await second.register().catch(() => undefined);
      return (await second.ended).details;
    };
    link.mend();
    await expect.poll(registering, { timeout: 30_000 }).toContain('which may still run');
    const { answer, moved } = await move(scripted, coordinator, [ref]);
    expect(answer.superseded).toEqual([]);
    expect(await registering()).toContain('is in use by');
    moved.reportFinished(ref);
    await moved.next('acknowledge');
    expect(await storedTask(database.pool, id)).toMatchObject(ONCE);
  });
});
