import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { processesGone } from './support/processes.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

describe('draining', () => {
  test('on stop it finishes what runs, reports it, waits for the acknowledgement and says goodbye', async () => {
    const { session, worker } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`${gate.wait}; exit 9`);
    session.dispatch(attempt);
    await session.started(attempt.ref);

    let stopped = false;
    const stop = worker.stop().then(() => (stopped = true));
    await session.heard('draining');
    expect(worker.readiness()).toEqual({
      ready: false,
      checks: { coordinator: 'ok', postgresql: 'ok', slots: 'draining' },
    });
    gate.pass();
    expect((await session.finished(attempt.ref)).result.exitCode).toBe(9);
    expect(session.said.some(({ kind }) => kind === 'goodbye')).toBe(false);
    session.acknowledge(attempt.ref);
    await session.heard('goodbye');
    await session.gone;
    expect(session.cut).toBe(false);
    expect(stopped).toBe(false);
    session.end();
    await stop;
    expect(await worker.ended).toBe('the worker has drained');
    expect(session.said.at(-1)).toEqual({ kind: 'goodbye' });
  });

  test('the coordinator can ask for it, and the worker then ends by itself', async () => {
    const { session, worker } = await registeredPair();
    session.send({ kind: 'drain', timeoutMs: null });
    await session.heard('draining');
    await session.heard('goodbye');
    session.end();
    await worker.ended;
    await worker.stop();
  });

  test('what was dispatched before the coordinator read Draining is run', async () => {
    const { session, worker } = await registeredPair();
    const gate = new Gate();
    const [first, crossing] = [attemptOf(gate.wait), attemptOf('exit 2')];
    session.dispatch(first);
    await session.started(first.ref);
    const stop = worker.stop();
    await session.heard('draining');
    session.dispatch(crossing);
    expect((await session.run(crossing)).result.exitCode).toBe(2);
    gate.pass();
    await session.finished(first.ref);
    session.acknowledge(first.ref);
    await session.heard('goodbye');
    session.end();
    await stop;
  });

  test('what comes after Goodbye is not run', async () => {
    const { session, worker } = await registeredPair();
    const stop = worker.stop();
    await session.heard('goodbye');
    session.dispatch(attemptOf('true'));
    session.end();
    await stop;
    expect(await metric(worker, 'hydra_worker_attempts_total')).toBe(0);
  });

  test('without a connection it comes back to deliver its results first', async () => {
    const { session, worker, coordinator } = await registeredPair();
    const attempt = attemptOf('exit 1');
    session.dispatch(attempt);
    await session.finished(attempt.ref);
    session.refuse(status.UNAVAILABLE);
    const next = await coordinator.session(2);
    const stop = worker.stop();
    await next.accept();
    // It registered before it was told to drain, or after: either way the coordinator learns of it.
    if (!(await next.heard('register')).registration.draining) await next.heard('draining');
    await next.finished(attempt.ref);
    next.refuse(status.UNAVAILABLE);
    const last = await coordinator.session(3);
    expect((await last.accept()).draining).toBe(true);
    await last.finished(attempt.ref);
    last.acknowledge(attempt.ref);
    await last.heard('goodbye');
    last.end();
    await stop;
    expect(last.said.some(({ kind }) => kind === 'draining')).toBe(false);
  });

  test('it does not wait for a coordinator longer than its lease', async () => {
    const { session, worker, coordinator, logged } = await registeredPair({ leaseMs: 3_000 });
    const [ended, running] = [attemptOf('true'), attemptOf('sleep 600')];
    session.dispatch(ended, running);
    await session.finished(ended.ref);
    coordinator.stop();
    await worker.stop();
    await processesGone(markOf(running.ref));
    expect(logged.at(-1)).toMatchObject({ results: 2, msg: 'leaves with results that no coordinator acknowledged' });
  });

  test('without a connection and with nothing to deliver it leaves at once', async () => {
    const { session, worker, coordinator } = await registeredPair();
    coordinator.stop();
    await session.gone;
    await worker.stop();
  });
});
