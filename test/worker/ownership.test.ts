import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { processesAppear, processesGone } from './support/processes.ts';
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

  test('while PostgreSQL is away the lease holds, since nobody can take it', async () => {
    const { coordinator, session, worker } = await registeredPair({ leaseMs: 3_000, heartbeatIntervalMs: 300 });
    coordinator.standing = { kind: 'holds_off', holdsOffMs: 3_000 };
    session.answers = 'not_renewed';
    const gate = new Gate();
    const attempt = attemptOf(`${gate.wait}; exit 8`);
    session.dispatch(attempt);
    await session.heard('heartbeat', 14); // past the lease
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
