import { networkInterfaces } from 'node:os';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/runtime/version.ts';
import { Gate } from './support/gate.ts';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';
import { attemptOf, deadAddress, metric, registeredPair, startWorker } from './support/test-worker.ts';

/** pino's number. */
const WARN = 40;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

describe('registering', () => {
  test('tells everything there is to know', async () => {
    const coordinator = await ScriptedCoordinator.start();
    const { workerId } = startWorker([coordinator], {
      HYDRA_SLOTS: '7',
      HYDRA_LABELS: 'region=eu,gpu=a100',
      HYDRA_QUEUES: 'mail,*',
    });
    const registration = await (await coordinator.session()).accept();
    expect(registration).toEqual({
      workerId,
      instanceId: expect.stringMatching(UUID) as string,
      hostname: expect.stringMatching(/./) as string,
      slots: 7,
      labels: { region: 'eu', gpu: 'a100' },
      queues: ['mail', '*'],
      version: VERSION,
      pid: process.pid,
      inHand: [],
      draining: false,
      ordinal: 1,
    });
  });

  test('is ready once it is accepted, not before', async () => {
    const coordinator = await ScriptedCoordinator.start();
    const { worker, started } = startWorker([coordinator]);
    const session = await coordinator.session();
    await session.heard('register');
    expect(worker.readiness()).toMatchObject({
      ready: false,
      checks: { coordinator: 'not registered with any (registering)' },
    });
    await session.accept();
    await started;
    expect(worker.readiness()).toEqual({ ready: true, checks: { coordinator: 'ok', postgresql: 'ok', slots: 'ok' } });
  });

  test('says which coordinator does not serve it, and why, once and not at each try', async () => {
    const [dead, cutOff] = [await deadAddress(), await ScriptedCoordinator.start()];
    cutOff.standing = { kind: 'holds_off', holdsOffMs: 15_000 };
    const { worker, logged } = startWorker([{ address: dead }, cutOff]);
    await cutOff.asked(5);
    const why = [`${dead} refuses connections`, `${cutOff.address} cannot reach PostgreSQL`].sort().join(', ');
    expect(worker.readiness().checks.coordinator).toMatch(/^not registered with any \((waiting|surveying)\): /);
    expect(worker.readiness().checks.coordinator).toContain(why);
    const warnings = logged.filter(({ level }) => level >= WARN).map(({ msg }) => msg);
    expect(warnings).toEqual([`no coordinator serves this worker: ${why}`]);
    cutOff.stop();
    await expect.poll(() => logged.filter(({ level }) => level >= WARN).length).toBe(2);
  });

  test('waits for a coordinator that comes later', async () => {
    const address = await deadAddress();
    const { started, logged } = startWorker([{ address }]);
    await expect.poll(() => logged.some(({ level }) => level === WARN)).toBe(true);
    const [host, port] = address.split(':');
    const coordinator = await ScriptedCoordinator.start(host, Number(port));
    await (await coordinator.session()).accept();
    await started;
  });

  test('can be stopped while there is no coordinator', async () => {
    const { worker, started, logged } = startWorker([{ address: await deadAddress() }]);
    await expect.poll(() => logged.some(({ level }) => level === WARN)).toBe(true);
    await worker.stop();
    await started;
  });

  test('can be stopped before it was started, and twice', async () => {
    const coordinator = await ScriptedCoordinator.start();
    const { worker, started } = startWorker([coordinator]);
    await Promise.all([worker.stop(), worker.stop()]);
    await started;
  });

  test('goes to the next address when one refuses', async () => {
    const second = await ScriptedCoordinator.start();
    const { started } = startWorker([{ address: await deadAddress() }, second]);
    await (await second.session()).accept();
    await started;
  });

  test('keeps trying after a refusal, and says what to do when the id is taken', async () => {
    const coordinator = await ScriptedCoordinator.start();
    const { started, logged, workerId } = startWorker([coordinator]);
    const first = await coordinator.session();
    await first.heard('register');
    first.refuse(status.ALREADY_EXISTS);
    await (await coordinator.session(2)).accept();
    await started;
    const errors = logged.filter(({ level }) => level === 50).map(({ msg }) => msg);
    expect(errors).toEqual([expect.stringContaining(`another live process uses the worker id ${workerId}`)]);
  });

  test('goes to another address when one accepts it as little as it answers', async () => {
    const [deaf, other] = [await ScriptedCoordinator.start(), await ScriptedCoordinator.start()];
    other.standing = { kind: 'holds_off', holdsOffMs: 15_000 };
    const { started } = startWorker([deaf, other]);
    const first = await deaf.session();
    await first.heard('register');
    other.standing = { kind: 'renewing', sessions: 1_000_000 };
    first.refuse(status.INTERNAL);
    await (await other.session()).accept();
    await started;
    expect(deaf.sessionCount).toBe(1);
  });

  test('finds each coordinator behind a name', async () => {
    const first = await ScriptedCoordinator.start('127.0.0.1');
    const second = await ScriptedCoordinator.start('127.0.0.2', first.port);
    first.standing = { kind: 'holds_off', holdsOffMs: 15_000 };
    const lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    const { started } = startWorker([{ address: `coordinators.example:${first.port}` }], {}, lookup);
    await (await second.session()).accept();
    await started;
    expect(first.sessionCount).toBe(0);
  });

  test('reaches what localhost leads to', async () => {
    const coordinator = await ScriptedCoordinator.start('localhost');
    const { started } = startWorker([coordinator]);
    await (await coordinator.session()).accept();
    await started;
  });

  test.runIf(hasIPv6)('reaches an IPv6 address in brackets', async () => {
    const coordinator = await ScriptedCoordinator.start('[::1]');
    const { started } = startWorker([coordinator]);
    await (await coordinator.session()).accept();
    await started;
  });

  test.each([
    { leaseMs: 0, heartbeatIntervalMs: 100 },
    { leaseMs: 100, heartbeatIntervalMs: 0 },
  ])('does not take senseless terms: %o', async (terms) => {
    const coordinator = await ScriptedCoordinator.start();
    const { started } = startWorker([coordinator]);
    await (await coordinator.session()).accept(terms);
    await (await coordinator.session(2)).accept();
    await started;
  });
});

describe('heartbeats', () => {
  test('count up from 1 in each session', async () => {
    const { coordinator, session } = await registeredPair({ heartbeatIntervalMs: 20 });
    expect((await session.heard('heartbeat', 3)).sequence).toBe(3);
    session.refuse(status.UNAVAILABLE);
    const next = await coordinator.session(2);
    await next.accept({ heartbeatIntervalMs: 20 });
    expect((await next.heard('heartbeat')).sequence).toBe(1);
  });

  test('coordinators that hang are left for one that answers while the lease lasts, and commands go on', async () => {
    const [first, hanging, third] = [
      await ScriptedCoordinator.start(),
      await ScriptedCoordinator.start(),
      await ScriptedCoordinator.start(),
    ];
    hanging.standing = third.standing = { kind: 'hangs' };
    const { worker } = startWorker([first, hanging, third]);
    const session = await first.session();
    session.answers = 'silent';
    await session.accept({ heartbeatIntervalMs: 100, leaseMs: 9_000 });
    const gate = new Gate();
    const attempt = attemptOf(gate.wait);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    hanging.standing = { kind: 'renewing', sessions: 0 };
    // It takes the registration and says nothing.
    await (await hanging.session()).heard('register');
    third.standing = { kind: 'renewing', sessions: 0 };
    const next = await third.session();
    expect((await next.accept()).inHand.map(({ ref }) => ref)).toEqual([attempt.ref]);
    expect(hanging.sessionCount).toBe(1);
    await session.gone;
    gate.pass();
    await next.finished(attempt.ref);
    expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
    expect(await metric(worker, 'hydra_worker_reconnects_total')).toBe(1);
  });
});

test('many sessions leave nothing behind in the process', async () => {
  const { coordinator, session, worker } = await registeredPair();
  let current = session;
  for (let nth = 2; nth <= 6; nth += 1) {
    current.refuse(status.UNAVAILABLE);
    current = await coordinator.session(nth);
    await current.accept();
  }
  await worker.kill();
  coordinator.stop();
  const left = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));
  await expect.poll(left).toEqual([]);
  expect(process.getActiveResourcesInfo()).not.toContain('Timeout');
});
