import { status } from '@grpc/grpc-js';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { refKey } from '../../src/rpc/messages.ts';
import { Gate } from './support/gate.ts';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';
import { attemptOf, metric, registeredPair, startWorker } from './support/test-worker.ts';

/* What a coordinator says late still counts, and what it does not say is not waited for too long. */

const LEASE_MS = 4_000;

test('a heartbeat that is renewed after it was answered as not renewed keeps the lease', async () => {
  const INTERVAL_MS = 400;
  const { session, worker } = await registeredPair({ leaseMs: LEASE_MS, heartbeatIntervalMs: INTERVAL_MS });
  session.answers = 'silent'; // the test answers
  const gate = new Gate();
  const attempt = attemptOf(`${gate.wait}; exit 8`);
  session.dispatch(attempt);
  const seen = session.said.filter(({ kind }) => kind === 'heartbeat').length;
  for (let nth = seen + 1; nth < seen + (2 * LEASE_MS) / INTERVAL_MS; nth += 1) {
    const { sequence } = await session.heard('heartbeat', nth);
    const ack = { kind: 'heartbeat_ack', sequence, resultWindow: 0 } as const;
    session.send({ ...ack, renewed: false, holdsOffMs: 1 });
    session.send({ ...ack, renewed: true, holdsOffMs: 0 });
  }
  gate.pass();
  expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'exited', exitCode: 8 });
  expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
  expect(worker.readiness()).toMatchObject({ ready: true, checks: { postgresql: 'ok' } });
});

test('when a registration is answered late, the first heartbeat is not', async () => {
  const coordinator = await ScriptedCoordinator.start();
  const { worker } = startWorker([coordinator]);
  const session = await coordinator.session();
  await session.heard('register');
  await delay(0.65 * LEASE_MS); // so that less than an interval is left, which counts from Register
  await session.accept({ leaseMs: LEASE_MS, heartbeatIntervalMs: 0.35 * LEASE_MS });
  const gate = new Gate();
  const attempt = attemptOf(`${gate.wait}; exit 8`);
  session.dispatch(attempt);
  await session.heard('heartbeat', 2);
  gate.pass();
  expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'exited', exitCode: 8 });
  expect(coordinator.sessionCount).toBe(1);
  expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
});

test('with a result that is not acknowledged, a coordinator that does not answer is left while the lease lasts', async () => {
  const { coordinator, session } = await registeredPair({ leaseMs: LEASE_MS, heartbeatIntervalMs: 200 });
  const attempt = attemptOf('exit 3');
  session.dispatch(attempt);
  await session.finished(attempt.ref);
  const before = performance.now();
  session.refuse(status.UNAVAILABLE, 'this coordinator is stopping');
  await (await coordinator.session(2)).heard('register');
  const { registration } = await (await coordinator.session(3)).heard('register');
  expect(performance.now() - before).toBeLessThan(LEASE_MS);
  expect(registration.inHand.map(({ ref }) => refKey(ref))).toEqual([refKey(attempt.ref)]);
});
