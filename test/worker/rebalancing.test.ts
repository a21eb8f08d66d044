import { expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { ScriptedCoordinator, type ScriptedSession } from './support/scripted-coordinator.ts';
import { attemptOf, metric, startWorker, type TestWorker } from './support/test-worker.ts';

interface Balanced extends TestWorker {
  readonly own: ScriptedCoordinator;
  readonly others: readonly ScriptedCoordinator[];
  readonly session: ScriptedSession;
}

/** A worker that is registered with the first of three coordinators, which have so many sessions. */
async function workerAmong(sessions: readonly number[]): Promise<Balanced> {
  const all = await Promise.all(sessions.map(() => ScriptedCoordinator.start()));
  const [own, ...others] = all;
  for (const other of others) other.standing = { kind: 'holds_off', holdsOffMs: 15_000 };
  const worker = startWorker(all);
  const session = await own!.session();
  await session.accept();
  await worker.started;
  for (const [i, count] of sessions.entries()) all[i]!.standing = { kind: 'renewing', sessions: count };
  return { ...worker, own: own!, others, session };
}

test('a worker that is asked to goes to the one with fewer, with all that it runs', async () => {
  const { worker, own, others, session } = await workerAmong([5, 4, 3]);
  const gate = new Gate();
  const attempt = attemptOf(`echo begun; ${gate.wait}; exit 8`);
  session.dispatch(attempt);
  await session.wrote(attempt.ref, /begun/);
  session.send({ kind: 'rebalance' });
  const next = await others[1]!.session();
  expect((await next.accept()).inHand.map(({ ref }) => ref)).toEqual([attempt.ref]);
  await session.gone;
  gate.pass();
  expect((await next.finished(attempt.ref)).result.exitCode).toBe(8);
  expect([own.sessionCount, others[0]!.sessionCount]).toEqual([1, 0]);
  expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
});

test('it stays when that would not even them out', async () => {
  const { own, others, session } = await workerAmong([5, 4, 5]);
  const before = own.questionCount;
  session.send({ kind: 'rebalance' });
  await own.asked(before + 1);
  await others[0]!.asked(2);
  await others[1]!.asked(2);
  expect((await session.run(attemptOf('exit 3'))).result.exitCode).toBe(3);
  expect(others.map(({ sessionCount }) => sessionCount)).toEqual([0, 0]);
});

test('it waits for its own to say how many it has', async () => {
  const { own, others, session, worker } = await workerAmong([5, 0, 0]);
  own.standing = { kind: 'hangs' };
  session.send({ kind: 'rebalance' });
  await own.asked(2);
  own.standing = { kind: 'renewing', sessions: 5 };
  // After the first question was given up, it can be asked again.
  await expect
    .poll(
      () => {
        session.send({ kind: 'rebalance' });
        return others.some(({ sessionCount }) => sessionCount > 0);
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  expect(own.questionCount).toBe(3);
  expect(worker.readiness().ready).toBe(false);
});
