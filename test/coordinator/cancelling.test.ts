import { describe, expect, onTestFinished, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { isEnd } from '../../src/domain/task-state.ts';
import { storedTask } from '../support/tasks.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { again, database, registered, startCoordinator, submit, until } from './support/fixture.ts';
import type { ScriptedWorker } from './support/scripted-worker.ts';

const CANCELLED = { reason: 'cancelled', exitCode: null, signal: 'SIGTERM' } as const;

/** A task that the worker runs. */
async function running(scripted: ScriptedWorker) {
  const id = await submit();
  const [attempt] = await scripted.attempts(1);
  scripted.reportStarted(attempt!.ref);
  await until(id, { state: 'running' });
  return { id, ref: attempt!.ref };
}

/** What is waited for comes before a coordinator that has just started looks by itself, five seconds after it did. */
async function soon<T>(wait: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const got = await wait();
  expect(performance.now() - began).toBeLessThan(3_000);
  return got;
}

/** Asks to cancel it and tells nobody. */
async function cancelUnheard(id: string): Promise<void> {
  await database.pool.query('UPDATE tasks SET cancel_requested_at = now() WHERE id = $1', [id]);
}

/** A worker that sees every Cancel that is sent for what it runs now, once it has seen the one for a task of its own. */
async function cancelsSoFar(scripted: ScriptedWorker): Promise<number> {
  const { id, ref } = await running(scripted);
  await cancelTask(database.pool, id);
  let seen = 0;
  for (;;) {
    const { refs } = await scripted.next('cancel');
    if (refs.some(({ taskId }) => taskId === ref.taskId)) return seen + refs.length - 1;
    seen += refs.length;
  }
}

describe('a task that is to be cancelled', () => {
  test('is dropped and ended when it is claimed and waits for its instant', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submit({ dueInMs: 20_000 });
    await until(id, { state: 'picked' });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'cancelling', task: { state: 'picked' } });
    expect(await until(id, { state: 'cancelled' })).toMatchObject({ reason: 'cancelled', started_at: null });
    // Its place in the look-ahead is free again.
    const next = await submit({ dueInMs: 20_000 });
    await until(next, { state: 'picked' });
    expect(scripted.heard).not.toContain('dispatch');
  });

  test('is ended when it is due and waits for a slot', async () => {
    const coordinator = await startCoordinator();
    const busy = await registered(coordinator);
    const { ref } = await running(busy);
    const inLine = await submit({ dueInMs: 200 });
    await until(inLine, { state: 'picked' });
    await cancelTask(database.pool, inLine);
    await until(inLine, { state: 'cancelled' });
    const next = await submit();
    busy.reportFinished(ref);
    expect((await busy.attempts(1))[0]!.ref.taskId).toBe(next);
  });

  test('is ended although the answer to its claim is still on its way', async () => {
    const proxy = new TcpProxy(new URL(database.url));
    onTestFinished(() => proxy.stop());
    const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start() });
    const scripted = await registered(coordinator, { slots: 2 });
    const other = await running(scripted);
    proxy.holdAnswerTo((sent) => sent.includes('claim-due-tasks'));
    const id = await submit({ dueInMs: 20_000 });
    await until(id, { state: 'picked' });
    await cancelTask(database.pool, id);
    // Nobody else waits for that answer; and when this one comes, the coordinator has seen both.
    await cancelTask(database.pool, other.id);
    expect(await scripted.next('cancel')).toEqual({ kind: 'cancel', refs: [other.ref] });
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'picked' });
    await soon(() => {
      proxy.letGo();
      return until(id, { state: 'cancelled' });
    });
  });

  test('is stopped at its worker when it was sent, keeps its slot, and ends with the report', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submit();
    const [attempt] = await scripted.attempts(1);
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'cancelling' });
    expect(await scripted.next('cancel')).toEqual({ kind: 'cancel', refs: [attempt!.ref] });
    const waiting = await submit();
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'picked' });
    expect(await storedTask(database.pool, waiting)).toMatchObject({ attempt: 0 });
    scripted.reportEnd(attempt!.ref, { ...CANCELLED, signal: null });
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref], superseded: [] });
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
    expect((await scripted.attempts(1))[0]!.ref.taskId).toBe(waiting);
  });

  test('is stopped at its worker when it runs, which is told once', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator, { slots: 2 });
    const { id, ref } = await running(scripted);
    expect(
      await soon(async () => {
        await cancelTask(database.pool, id);
        return scripted.next('cancel');
      }),
    ).toEqual({ kind: 'cancel', refs: [ref] });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'cancelling', task: { state: 'running' } });
    expect(await cancelsSoFar(scripted)).toBe(0);
    expect(scripted.heard).not.toContain('stop');
    scripted.reportEnd(ref, CANCELLED);
    await scripted.next('acknowledge');
    expect(await until(id, { state: 'cancelled' })).toMatchObject({ reason: 'cancelled', signal: 'SIGTERM' });
    expect(await cancelTask(database.pool, id)).toMatchObject({ kind: 'cancelled' });
  });

  test('is found although the notification was lost', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator, { slots: 2 });
    const { id, ref } = await running(scripted);
    const claimed = await submit({ dueInMs: 25_000 });
    await until(claimed, { state: 'picked' });
    await cancelUnheard(claimed);
    await cancelUnheard(id);
    expect(await scripted.next('cancel')).toEqual({ kind: 'cancel', refs: [ref] });
    await until(claimed, { state: 'cancelled' });
  });

  test('is stopped in the next session when that of its worker broke before', async () => {
    const [first, second] = [await startCoordinator({ HYDRA_LEASE_MS: '60000' }), await startCoordinator()];
    const before = await registered(first);
    const { id, ref } = await running(before);
    before.vanish();
    await cancelTask(database.pool, id);
    const after = again(before, second, [{ ref, startedAgeUs: 1_000 }]);
    await after.register();
    expect(await soon(() => after.next('cancel'))).toEqual({ kind: 'cancel', refs: [ref] });
    after.reportEnd(ref, CANCELLED);
    await until(id, { state: 'cancelled' });
  });

  test('is told again to a worker that comes back', async () => {
    const coordinator = await startCoordinator();
    const before = await registered(coordinator);
    const { id, ref } = await running(before);
    await cancelTask(database.pool, id);
    await before.next('cancel');
    before.vanish();
    const after = again(before, coordinator, [{ ref, startedAgeUs: 1_000 }]);
    await after.register();
    expect(await soon(() => after.next('cancel'))).toEqual({ kind: 'cancel', refs: [ref] });
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'running', attempt: 1 });
  });

  test('is cancelled, and not run again, when its worker dies', async () => {
    const coordinator = await startCoordinator();
    const doomed = await registered(coordinator, { slots: 2 });
    const { id } = await running(doomed);
    const unheard = await submit();
    await doomed.attempts(1);
    await cancelTask(database.pool, id);
    await cancelTask(database.pool, unheard);
    await doomed.next('cancel');
    doomed.vanish();
    const heir = await registered(coordinator, { slots: 2 });
    for (const each of [id, unheard]) {
      expect(await until(each, { state: 'cancelled' })).toMatchObject({ reason: 'cancelled', attempt: 1 });
    }
    const next = await submit();
    expect((await heir.attempts(1))[0]!.ref).toEqual({ taskId: next, attempt: 1 });
  });

  test('is cancelled when its worker never got it', async () => {
    const coordinator = await startCoordinator({ HYDRA_LEASE_MS: '60000' });
    const before = await registered(coordinator);
    const id = await submit();
    await before.attempts(1);
    before.vanish();
    await cancelTask(database.pool, id);
    const after = again(before, coordinator);
    await after.register();
    expect(await until(id, { state: 'cancelled' })).toMatchObject({ reason: 'cancelled', started_at: null });
    expect(after.heard).not.toContain('dispatch');
  });

  test('ends in one way when it completes at that moment, the same in the answer and in the record', async () => {
    const coordinator = await startCoordinator();
    const slots = 40;
    const scripted = await registered(coordinator, { slots });
    const ids = await Promise.all(Array.from({ length: slots }, () => submit()));
    const attempts = await scripted.attempts(slots);
    scripted.reportStarted(...attempts.map(({ ref }) => ref));
    await Promise.all(ids.map((id) => until(id, { state: 'running' })));
    const answers = await Promise.all(
      attempts.map(async ({ ref }, index) => {
        // Some are asked for a moment before, some a moment after.
        const asked = index % 2 === 0 ? cancelTask(database.pool, ref.taskId) : undefined;
        scripted.reportFinished(ref);
        return { id: ref.taskId, answer: await (asked ?? cancelTask(database.pool, ref.taskId)) };
      }),
    );
    for (const { answer, id } of answers) {
      const row = await until(id, { state: answer.kind === 'too_late' ? 'completed' : 'cancelled' });
      expect(row.reason).toBe(row.state === 'completed' ? 'exited' : 'cancelled');
      // Whatever the command did is kept as a fact.
      expect(row.exit_code).toBe(0);
      if (answer.kind === 'too_late') expect(isEnd(answer.task.state)).toBe(true);
    }
    const recorded = new Set<string>();
    while (recorded.size < slots) {
      const acknowledged = await scripted.next('acknowledge');
      expect(acknowledged.superseded).toEqual([]);
      for (const { taskId } of acknowledged.recorded) recorded.add(taskId);
    }
  });
});
