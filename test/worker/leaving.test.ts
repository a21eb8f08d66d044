import { describe, expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { processesWith } from './support/processes.ts';
import type { ScriptedSession } from './support/scripted-coordinator.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

const HANDED_BACK = 'handed back: the worker had to leave before it ended';
/** Shell text that goes on until a signal ends it. */
const FOREVER = 'while :; do sleep 0.01; done';

/** Waits for Goodbye and lets the worker go. */
async function letGo(session: ScriptedSession): Promise<void> {
  await session.heard('goodbye');
  session.end();
}

describe('the drain timeout', () => {
  test('stops what still runs and hands it back', async () => {
    const { session, worker } = await registeredPair();
    const attempt = attemptOf(`trap 'exit 6' TERM; sleep 600 & ${FOREVER}`);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    session.send({ kind: 'drain', timeoutMs: 300 });
    await session.heard('draining');
    const { result } = await session.finished(attempt.ref);
    expect(result).toEqual({ reason: 'worker_lost', exitCode: 6, signal: null, error: HANDED_BACK });
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
    session.acknowledge(attempt.ref);
    await letGo(session);
    await worker.ended;
  });

  test('is the configured one where none is given', async () => {
    const { session, worker } = await registeredPair({}, { HYDRA_DRAIN_TIMEOUT_MS: '300' });
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    const stop = worker.stop();
    expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'worker_lost', signal: 'SIGTERM' });
    session.acknowledge(attempt.ref);
    await letGo(session);
    await stop;
  });

  test('does not touch what ends before it', async () => {
    const { session } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`${gate.wait}; exit 3`);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    session.send({ kind: 'drain', timeoutMs: 60_000 });
    await session.heard('draining');
    gate.pass();
    expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'exited', exitCode: 3 });
    session.acknowledge(attempt.ref);
    await letGo(session);
  });

  test('can be shortened', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    session.send({ kind: 'drain', timeoutMs: null });
    session.send({ kind: 'drain', timeoutMs: 60_000 });
    session.send({ kind: 'drain', timeoutMs: 0 });
    expect((await session.finished(attempt.ref)).result.reason).toBe('worker_lost');
  });

  test('what comes after it is handed back unstarted', async () => {
    const { session } = await registeredPair();
    const [first, second] = [attemptOf(`trap 'sleep 0.5; exit' TERM; ${FOREVER}`), attemptOf('echo started')];
    session.dispatch(first);
    await session.started(first.ref);
    session.send({ kind: 'drain', timeoutMs: 0 });
    await session.heard('draining');
    session.dispatch(second);
    const { result, startedAgeUs } = await session.finished(second.ref);
    expect({ startedAgeUs, ...result }).toEqual({
      startedAgeUs: null,
      reason: 'worker_lost',
      exitCode: null,
      signal: null,
      error: HANDED_BACK,
    });
  });
});

test('told again to stop it hands back at once, and shortens grace periods', async () => {
  const { session, worker } = await registeredPair();
  const attempt = attemptOf(`trap 'echo told' TERM; echo ready; ${FOREVER}`, { grace_ms: 3_600_000, timeout_ms: 500 });
  session.dispatch(attempt);
  await session.wrote(attempt.ref, /told/); // its hour of grace has begun
  const stop = worker.stop();
  await session.heard('draining');
  worker.hasten();
  worker.hasten();
  const { result } = await session.finished(attempt.ref); // 10 s later
  expect(result).toMatchObject({ reason: 'timed_out', signal: 'SIGKILL' });
  session.acknowledge(attempt.ref);
  await letGo(session);
  await stop;
}, 40_000);

describe('a number of tasks', () => {
  const env = { HYDRA_MAX_TASKS: '3', HYDRA_SLOTS: '2' };

  test('after which it takes no more, finishes and leaves', async () => {
    const { session, worker } = await registeredPair({}, env);
    expect((await session.heard('register')).registration.slots).toBe(2);
    const gate = new Gate();
    const last = attemptOf(`${gate.wait}; exit 2`);
    await session.run(attemptOf('true'));
    await session.run(attemptOf('true'));
    expect(session.said.some(({ kind }) => kind === 'draining')).toBe(false);
    session.dispatch(last);
    await session.heard('draining');
    expect(worker.readiness().ready).toBe(false);
    gate.pass();
    expect((await session.finished(last.ref)).result.exitCode).toBe(2);
    session.acknowledge(last.ref);
    await letGo(session);
    expect(await worker.ended).toBe('the worker has drained');
  });

  test('is not exceeded by registering', async () => {
    const { session } = await registeredPair({}, { HYDRA_MAX_TASKS: '2', HYDRA_SLOTS: '100' });
    expect((await session.heard('register')).registration.slots).toBe(2);
  });

  test('what crossed Draining on its way is run', async () => {
    const { session, worker } = await registeredPair({}, { ...env, HYDRA_MAX_TASKS: '1' });
    const attempts = [attemptOf('exit 1'), attemptOf('exit 2')];
    session.dispatch(...attempts);
    const reports = await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
    expect(reports.map(({ result }) => result.exitCode)).toEqual([1, 2]);
    session.acknowledge(...attempts.map(({ ref }) => ref));
    await letGo(session);
    await worker.ended;
  });
});

describe('idleness', () => {
  test('ends it after a while, counted from the end of its last task', async () => {
    const { session, worker } = await registeredPair({}, { HYDRA_IDLE_EXIT_MS: '500' });
    const before = performance.now();
    await session.run(attemptOf('sleep 0.7'));
    expect(await metric(worker, 'hydra_worker_attempts_total')).toBe(1);
    await letGo(session);
    await worker.ended;
    expect(performance.now() - before).toBeGreaterThan(1_190);
    expect(session.said.map(({ kind }) => kind)).toContain('draining');
  });

  test('is not counted while a result is unacknowledged', async () => {
    const { session, worker } = await registeredPair({ heartbeatIntervalMs: 20 }, { HYDRA_IDLE_EXIT_MS: '200' });
    const attempt = attemptOf('true');
    session.dispatch(attempt);
    await session.finished(attempt.ref);
    await session.heard('heartbeat', 20); // twice as long
    expect(session.said.some(({ kind }) => kind === 'draining')).toBe(false);
    session.acknowledge(attempt.ref);
    await letGo(session);
    await worker.ended;
  });
});
