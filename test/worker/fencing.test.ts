import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { refKey, type AttemptRef } from '../../src/rpc/messages.ts';
import { Guardian } from '../../src/worker/guardian/guardian.ts';
import { companionsOf } from './guardian/support/guarded.ts';
import { Gate } from './support/gate.ts';
import { processesAppear, processesGone, processesWith } from './support/processes.ts';
import type { ScriptedCoordinator, ScriptedSession, Terms } from './support/scripted-coordinator.ts';
import { attemptOf, markOf, metric, registeredPair, type Pair } from './support/test-worker.ts';

const TERMS = { leaseMs: 3_000, heartbeatIntervalMs: 100 };
/** Ignores what it can, and leaves its group. */
const TREE = 'trap "" TERM; setsid sleep 600 & sleep 601';
const LOST = { reason: 'worker_lost', error: 'its worker could not renew its lease' };

/** No heartbeat is answered, and no registration, until the worker has killed what it ran. */
async function untilFenced({ session, worker }: Pick<Pair, 'session' | 'worker'>): Promise<void> {
  session.answers = 'silent';
  await expect.poll(() => metric(worker, 'hydra_worker_lease_fences_total'), { timeout: 20_000 }).toBe(1);
}

/** Accepts registrations, but for those that name `unless`, until the worker has taken it up. */
async function acceptAgain(coordinator: ScriptedCoordinator, terms: Terms = {}, unless: AttemptRef | null = null) {
  for (let nth = 2; ; nth += 1) {
    const session = await coordinator.session(nth);
    const { registration } = await session.heard('register');
    if (unless !== null && named(registration).includes(refKey(unless))) continue;
    await session.accept({ ...TERMS, leaseMs: 30_000, ...terms });
    const beats = session.heard('heartbeat').then(() => true);
    // One that the worker had given up by then says nothing any more.
    if (await Promise.race([beats, session.gone.then(() => false)])) return { session, registration };
  }
}

const named = (registration: { readonly inHand: readonly { readonly ref: AttemptRef }[] }) =>
  registration.inHand.map(({ ref }) => refKey(ref)).sort();

const reported = (session: ScriptedSession) =>
  session.said.flatMap((m) => (m.kind === 'report' ? m.finished.map(({ ref }) => refKey(ref)) : []));

test('what the guardian has killed, which had not heard of a renewal yet, is lost and has not failed', async () => {
  const allowFor = vi.spyOn(Guardian.prototype, 'allowFor');
  onTestFinished(() => allowFor.mockRestore());
  const { session, worker } = await registeredPair(TERMS);
  allowFor.mockReturnValue(); // it hears of no other
  const [killed, ended] = [attemptOf(TREE), attemptOf('kill -9 $$')];
  session.dispatch(killed);
  expect((await session.finished(killed.ref)).result).toMatchObject({ ...LOST, signal: 'SIGKILL' });
  expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
  // And what ends so by itself has ended so.
  allowFor.mockRestore();
  await session.heard('heartbeat', 1 + session.said.filter(({ kind }) => kind === 'heartbeat').length);
  session.acknowledge(killed.ref);
  expect((await session.run(ended)).result).toMatchObject({ reason: 'signalled', signal: 'SIGKILL', error: null });
});

describe('a lease that cannot be renewed', () => {
  test('everything is killed, stays in hand, and is reported as lost once it is dead', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session, worker, logged } = pair;
    const [ended, running] = [attemptOf('exit 4'), attemptOf(`echo begun; ${TREE}`)];
    session.dispatch(ended, running);
    await session.finished(ended.ref);
    await processesAppear(markOf(running.ref), 3);
    await session.wrote(running.ref, /begun/);
    await untilFenced(pair);
    expect(logged.some(({ level, msg }) => level === 50 && msg.startsWith('killed what ran'))).toBe(true);

    const next = await acceptAgain(coordinator);
    expect(named(next.registration)).toEqual([refKey(ended.ref), refKey(running.ref)].sort());
    const report = await next.session.finished(running.ref);
    expect(await processesWith(markOf(running.ref))).toEqual([]);
    expect(report.result).toMatchObject(LOST);
    expect(report.startedAgeUs).toBeGreaterThan(report.endedAgeUs);
    // What had ended before has ended as it did.
    expect((await next.session.finished(ended.ref)).result).toMatchObject({ reason: 'exited', exitCode: 4 });
    next.session.acknowledge(ended.ref, running.ref);
    expect((await next.session.run(attemptOf('exit 6'))).result.exitCode).toBe(6);
    expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
    const stops = await worker.registry.getSingleMetricAsString('hydra_worker_stops_total');
    expect(stops).toContain('{cause="fenced"} 1');
  });

  test('what is superseded by then is not reported', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session, worker } = pair;
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    await untilFenced(pair);
    const next = await acceptAgain(coordinator, { superseded: [attempt.ref] });
    const other = attemptOf('true');
    await next.session.run(other);
    expect(reported(next.session)).toEqual([refKey(other.ref)]);
    expect(await metric(worker, 'hydra_worker_running')).toBe(0);
  });

  test('a result that waits for its output to be taken is kept', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session } = pair;
    session.takesOutput = false;
    const [ended, running] = [attemptOf('seq 50000; exit 4'), attemptOf('sleep 600')];
    session.dispatch(ended, running);
    await session.heard('output');
    await untilFenced(pair);
    const next = await acceptAgain(coordinator);
    expect((await next.session.finished(ended.ref)).result).toMatchObject({ reason: 'exited', exitCode: 4 });
    expect(next.session.written(ended.ref).stdout.length).toBe(288_894);
  });

  test('what was being stopped for another reason is reported with that', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session } = pair;
    const options = { timeout_ms: 100, grace_ms: 3_600_000 };
    const attempt = attemptOf("trap 'echo told' TERM; while :; do sleep 0.01; done", options);
    const other = attemptOf('sleep 600');
    session.dispatch(attempt, other);
    await session.wrote(attempt.ref, /told/);
    await untilFenced(pair);
    const next = await acceptAgain(coordinator);
    expect((await next.session.finished(attempt.ref)).result).toMatchObject({
      reason: 'timed_out',
      signal: 'SIGKILL',
      error: 'ran longer than timeout_ms (100 ms)',
    });
    expect((await next.session.finished(other.ref)).result).toMatchObject(LOST);
  });

  test('what is dying holds its slot, and is in hand and not reported until it is dead', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session, worker } = pair;
    const attempt = attemptOf(TREE);
    session.dispatch(attempt);
    await processesAppear(markOf(attempt.ref), 3);
    const [guardian = 0] = companionsOf(process.pid);
    process.kill(guardian, 'SIGSTOP'); // who alone finds what left the group
    onTestFinished(() => void process.kill(guardian, 'SIGCONT'));
    await untilFenced(pair);
    const next = await acceptAgain(coordinator);
    expect(named(next.registration)).toEqual([refKey(attempt.ref)]);
    await next.session.run(attemptOf('true'));
    expect(await processesWith(markOf(attempt.ref))).toHaveLength(1);
    expect(await metric(worker, 'hydra_worker_running')).toBe(1);
    expect(reported(next.session)).not.toContain(refKey(attempt.ref));
    process.kill(guardian, 'SIGCONT');
    expect((await next.session.finished(attempt.ref)).result).toMatchObject(LOST);
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
    expect(await metric(worker, 'hydra_worker_running')).toBe(0);
  });

  test('what had not started is not in hand, and is reported as never started', async () => {
    const gate = slowLookups();
    const pair = await registeredPair(TERMS);
    const { coordinator, session } = pair;
    const [starting, running] = [attemptOf('echo started', { user: 'somebody' }), attemptOf('sleep 600')];
    session.dispatch(starting, running);
    await session.started(running.ref);
    await untilFenced(pair);
    // A registration that was under way told that it is in hand, as it was then.
    const next = await acceptAgain(coordinator, {}, starting.ref);
    expect(named(next.registration)).toEqual([refKey(running.ref)]);
    gate.pass();
    const report = await next.session.finished(starting.ref);
    expect(report).toMatchObject({ startedAgeUs: null, output: [], result: { ...LOST, exitCode: null, signal: null } });
  });

  test('a worker that drains leaves, and not before what it ran is dead', async () => {
    const { session, worker, coordinator, logged } = await registeredPair(TERMS);
    const attempt = attemptOf(TREE);
    session.dispatch(attempt);
    await processesAppear(markOf(attempt.ref), 3);
    coordinator.stop();
    await worker.stop();
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
    expect(logged.at(-1)).toMatchObject({ results: 1, msg: 'leaves with results that no coordinator acknowledged' });
  });

  test('a worker that is told to drain after it leaves at once', async () => {
    const pair = await registeredPair(TERMS);
    const { coordinator, session, worker } = pair;
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    coordinator.stop();
    await untilFenced(pair);
    await worker.stop();
    await processesGone(markOf(attempt.ref));
  });
});

/** Makes looking up users wait at a gate. */
function slowLookups(): Gate {
  const gate = new Gate();
  const folder = mkdtempSync(join(tmpdir(), 'hydra-getent-'));
  writeFileSync(join(folder, 'getent'), `#!/bin/sh\n${gate.wait}\nexit 2\n`);
  chmodSync(join(folder, 'getent'), 0o755);
  const { PATH = '' } = process.env;
  process.env.PATH = `${folder}:${PATH}`;
  onTestFinished(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  });
  return gate;
}
