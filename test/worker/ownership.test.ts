import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { AttemptRef } from '../../src/rpc/messages.ts';
import { Gate } from './support/gate.ts';
import { processesAppear, processesGone } from './support/processes.ts';
import type { ScriptedCoordinator } from './support/scripted-coordinator.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

describe('ownership', () => {
  test('Stop kills the whole tree, and nothing is reported', async () => {
    const { session, coordinator } = await registeredPair();
    const attempt = attemptOf('trap "" TERM; setsid sleep 600 & sleep 601');
    session.dispatch(attempt);
    await processesAppear(markOf(attempt.ref), 3);
    session.send({ kind: 'stop', refs: [attempt.ref] });
    await processesGone(markOf(attempt.ref));
    await session.run(attemptOf('true'));
    expect(session.said.flatMap((m) => (m.kind === 'report' ? m.finished : []))).toHaveLength(1);
    session.refuse(status.ABORTED);
    expect((await (await coordinator.session(2)).accept()).inHand).toEqual([]);
  });

  test('what Registered says is superseded is killed', async () => {
    const { session, coordinator } = await registeredPair();
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    session.refuse(status.UNAVAILABLE);
    await (await coordinator.session(2)).accept({ superseded: [attempt.ref] });
    await processesGone(markOf(attempt.ref));
  });

  test('a lease that cannot be renewed: everything is killed, results that exist are kept', async () => {
    const { session, coordinator, worker, logged } = await registeredPair({ leaseMs: 3_000, heartbeatIntervalMs: 100 });
    const [ended, running] = [attemptOf('exit 4'), attemptOf('trap "" TERM; setsid sleep 600 & sleep 601')];
    session.dispatch(ended, running);
    await session.finished(ended.ref);
    await processesAppear(markOf(running.ref), 3);
    session.answers = 'silent';
    await processesGone(markOf(running.ref));
    // Each session from here on waits in vain for its acceptance until the lease is over.
    await expect.poll(() => metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
    expect(logged.some(({ level, msg }) => level === 50 && msg.startsWith('killed what ran'))).toBe(true);

    // The registration that was under way listed what is dead by now; it is not used.
    const { next, registration } = await firstWithout(coordinator, running.ref);
    expect(registration.inHand.map(({ ref }) => ref)).toEqual([ended.ref]);
    expect((await next.finished(ended.ref)).result.exitCode).toBe(4);
    next.acknowledge(ended.ref);
    expect((await next.run(attemptOf('exit 6'))).result.exitCode).toBe(6);
  });

  test('a result that waits for its output to be taken is not lost with the lease', async () => {
    const { session, coordinator, worker } = await registeredPair({ leaseMs: 3_000, heartbeatIntervalMs: 100 });
    session.takesOutput = false;
    const [ended, running] = [attemptOf('seq 50000; exit 4'), attemptOf('sleep 600')];
    session.dispatch(ended, running);
    await session.heard('output');
    session.answers = 'silent';
    await processesGone(markOf(running.ref));
    const { next, registration } = await firstWithout(coordinator, running.ref);
    expect(registration.inHand.map(({ ref }) => ref)).toEqual([ended.ref]);
    expect((await next.finished(ended.ref)).result.exitCode).toBe(4);
    expect(next.written(ended.ref).stdout.length).toBe(288_894);
    expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
  });

  test('while PostgreSQL is away the lease holds, since nobody can take it', async () => {
    const { session, worker } = await registeredPair({ leaseMs: 3_000, heartbeatIntervalMs: 40 });
    session.answers = 'not_renewed';
    const gate = new Gate();
    const attempt = attemptOf(`${gate.wait}; exit 8`);
    session.dispatch(attempt);
    await session.heard('heartbeat', 85); // past the lease
    gate.pass();
    expect((await session.finished(attempt.ref)).result.exitCode).toBe(8);
    expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
  });

  test('a worker that was killed hard leaves no command of its own running', async () => {
    const { session, worker } = await registeredPair();
    const attempt = attemptOf('trap "" TERM; sleep 600 & sleep 601');
    session.dispatch(attempt);
    await processesAppear(markOf(attempt.ref), 3);
    await worker.kill();
    await processesGone(markOf(attempt.ref));
    await session.gone;
  });
});

/** Accepts the first session whose registration does not list `ref`. */
async function firstWithout(coordinator: ScriptedCoordinator, ref: AttemptRef) {
  for (let nth = 2; ; nth += 1) {
    const next = await coordinator.session(nth);
    const { registration } = await next.heard('register');
    if (registration.inHand.some((each) => each.ref.taskId === ref.taskId)) continue;
    await next.accept();
    return { next, registration };
  }
}
