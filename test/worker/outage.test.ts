import { status } from '@grpc/grpc-js';
import { createServer, type Server } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Attempt } from '../../src/rpc/messages.ts';
import { Gate } from './support/gate.ts';
import { processesGone } from './support/processes.ts';
import { ScriptedCoordinator, type ScriptedSession, type Terms } from './support/scripted-coordinator.ts';
import { attemptOf, deadAddress, markOf, metric, startWorker, type TestWorker } from './support/test-worker.ts';

const LEASE_MS = 3_000;
/** What a coordinator says that cannot reach PostgreSQL. */
const CUT_OFF = { kind: 'holds_off', holdsOffMs: LEASE_MS } as const;
const SERVES = { kind: 'renewing', sessions: 0 } as const;
const SEVERAL_LEASES_MS = 2.5 * LEASE_MS;
const INTERVAL_MS = 300;
const TERMS = { leaseMs: LEASE_MS, heartbeatIntervalMs: INTERVAL_MS };

interface Running extends TestWorker {
  /** The coordinator that it has a session with. */
  readonly own: ScriptedCoordinator;
  readonly session: ScriptedSession;
  /** Of a command that runs until `finish`. */
  readonly attempt: Attempt;
  readonly finish: () => void;
}

/** A worker that runs a command for the first of the coordinators. */
async function runningWorker(
  others: readonly Pick<ScriptedCoordinator, 'address'>[] = [],
  terms: Terms = TERMS,
): Promise<Running> {
  const own = await ScriptedCoordinator.start();
  const worker = startWorker([own, ...others]);
  const session = await own.session();
  await session.accept(terms);
  const gate = new Gate();
  const attempt = attemptOf(`${gate.wait}; exit 8`);
  session.dispatch(attempt);
  await session.started(attempt.ref);
  return { ...worker, own, session, attempt, finish: () => gate.pass() };
}

/** From now on it cannot reach PostgreSQL, and says so. */
function cutOff(coordinator: ScriptedCoordinator, session?: ScriptedSession): void {
  coordinator.standing = CUT_OFF;
  if (session) session.answers = 'not_renewed';
}

async function severalLeases(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SEVERAL_LEASES_MS)); // it is about nothing happening meanwhile
}

/** The command was not killed, and ends as it wants to. */
async function endsWell({ attempt, finish, worker }: Running, session: ScriptedSession): Promise<void> {
  finish();
  expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'exited', exitCode: 8 });
  expect(await metric(worker, 'hydra_worker_lease_fences_total')).toBe(0);
}

/** Others that the worker does not choose at first. */
async function startOthers(count: number): Promise<ScriptedCoordinator[]> {
  const others = await Promise.all(Array.from({ length: count }, () => ScriptedCoordinator.start()));
  for (const other of others) other.standing = CUT_OFF;
  return others;
}

/** Takes connections on the port and never says anything. */
async function hang(port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return server;
}

describe('the coordinator alone cannot reach PostgreSQL', () => {
  test('the worker moves to another one that can, and what it runs goes on', async () => {
    const [other] = await startOthers(1);
    const running = await runningWorker([other!]);
    const { own, session, attempt, worker, logged } = running;
    other!.standing = SERVES;
    cutOff(own, session);
    const next = await other!.session();
    expect((await next.accept(TERMS)).inHand.map(({ ref }) => ref)).toEqual([attempt.ref]);
    await session.gone;
    await next.heard('heartbeat', 2);
    await endsWell(running, next);
    expect(worker.readiness()).toMatchObject({ ready: true, checks: { coordinator: 'ok', postgresql: 'ok' } });
    expect(own.sessionCount).toBe(1);
    expect(await metric(worker, 'hydra_worker_reconnects_total')).toBe(1);
    expect(logged.map(({ msg }) => msg)).toContain('moves to another coordinator');
  });

  test('what it wrote, and results, are delivered there', async () => {
    const [other] = await startOthers(1);
    const own = await ScriptedCoordinator.start();
    startWorker([own, other!]);
    const session = await own.session();
    await session.accept(TERMS);
    session.takesOutput = false;
    const gate = new Gate();
    const [ended, running] = [attemptOf('echo done; exit 3'), attemptOf(`echo begun; ${gate.wait}; echo over`)];
    session.dispatch(ended, running);
    await session.finished(ended.ref);
    await session.wrote(running.ref, /begun/);
    other!.standing = SERVES;
    cutOff(own, session);
    const next = await other!.session();
    await next.accept(TERMS);
    expect((await next.finished(ended.ref)).result.exitCode).toBe(3);
    await next.wrote(running.ref, /begun/);
    gate.pass();
    await next.finished(running.ref);
    expect([next.written(ended.ref).text, next.written(running.ref).text]).toEqual(['done\n', 'begun\nover\n']);
  });

  test('it stays when its own can again by the time it has asked', async () => {
    const [other] = await startOthers(1);
    const { session, logged } = await runningWorker([other!]);
    other!.standing = SERVES;
    session.answers = 'not_renewed'; // and says that it renews, when it is asked
    await other!.asked(2);
    session.answers = 'renewed';
    await expect.poll(() => logged.at(-1)?.msg).toBe('the coordinator reaches PostgreSQL again');
    expect(other!.sessionCount).toBe(0);
  });

  test('but moves when it then still does not', async () => {
    const [other] = await startOthers(1);
    const { session } = await runningWorker([other!]);
    other!.standing = SERVES;
    session.answers = 'not_renewed';
    await (await other!.session()).accept(TERMS);
  });

  test('to one of an older version only when half of the lease is over', async () => {
    const [other] = await startOthers(1);
    const terms = { leaseMs: 2 * LEASE_MS, heartbeatIntervalMs: INTERVAL_MS };
    const running = await runningWorker([other!], terms);
    other!.standing = { kind: 'unimplemented' };
    const before = performance.now();
    cutOff(running.own, running.session);
    const next = await other!.session();
    expect(performance.now() - before).toBeGreaterThan(LEASE_MS / 2);
    await next.accept(terms);
    await endsWell(running, next);
  });

  test('one that refuses it is left for another, or for the old one, and what it runs goes on', async () => {
    const [other] = await startOthers(1);
    const running = await runningWorker([other!]);
    other!.standing = SERVES;
    cutOff(running.own, running.session);
    const refusing = await other!.session();
    await refusing.heard('register');
    running.own.standing = SERVES;
    other!.standing = CUT_OFF;
    refusing.refuse(status.UNAVAILABLE, 'PostgreSQL is away', LEASE_MS);
    const back = await running.own.session(2);
    await back.accept(TERMS);
    await endsWell(running, back);
  });
});

describe('no coordinator can reach PostgreSQL', () => {
  test('what runs goes on for several leases, in the session that it has', async () => {
    const others = await startOthers(2);
    const running = await runningWorker(others);
    const { own, session, worker, logged } = running;
    cutOff(own, session);
    await severalLeases();
    expect(worker.readiness()).toMatchObject({
      ready: true,
      checks: { coordinator: 'ok', postgresql: 'the coordinator cannot reach it' },
    });
    await endsWell(running, session);
    expect(others.map(({ sessionCount }) => sessionCount)).toEqual([0, 0]);
    expect(own.sessionCount).toBe(1);
    // Once each, not at each heartbeat.
    const addresses = [own, ...others].map(({ address }) => `${address} cannot reach PostgreSQL`).sort();
    expect(logged.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual([
      'the coordinator cannot reach PostgreSQL',
      `no coordinator renews the lease of this worker: ${addresses.join(', ')}`,
    ]);
    session.answers = 'renewed';
    await expect.poll(() => worker.readiness().checks.postgresql).toBe('ok');
  });

  test('it goes on, too, when the only one says so that there is, also an older version', async () => {
    const running = await runningWorker();
    running.session.holdsOffMs = 0;
    running.own.standing = { kind: 'unimplemented' };
    running.session.answers = 'not_renewed';
    await severalLeases();
    await endsWell(running, running.session);
  });

  test('it goes on without a session, and the worker comes back when one can', async () => {
    const others = await startOthers(2);
    const running = await runningWorker(others);
    const { own, session, worker, attempt } = running;
    own.standing = CUT_OFF;
    session.refuse(status.UNAVAILABLE, 'this coordinator is stopping');
    await severalLeases();
    expect(worker.readiness().checks.coordinator).toContain(`${own.address} cannot reach PostgreSQL`);
    others[1]!.standing = SERVES;
    const next = await others[1]!.session();
    expect((await next.accept(TERMS)).inHand.map(({ ref }) => ref)).toEqual([attempt.ref]);
    await endsWell(running, next);
  });

  test('it goes on when the coordinator was stopped and the other one holds off', async () => {
    const [other] = await startOthers(1);
    const running = await runningWorker([other!]);
    running.own.stop(); // its port is closed from now on
    await severalLeases();
    other!.standing = SERVES;
    const next = await other!.session();
    await next.accept(TERMS);
    await endsWell(running, next);
  });

  test('it goes on when nobody listens at the address of the other one', async () => {
    const running = await runningWorker([{ address: await deadAddress() }]);
    cutOff(running.own, running.session);
    await severalLeases();
    await endsWell(running, running.session);
  });

  test('it goes on although the other one did not answer when it was first asked', async () => {
    const [other] = await startOthers(1);
    // One heartbeat in a lease: the next would come too late.
    const running = await runningWorker([other!], { leaseMs: LEASE_MS, heartbeatIntervalMs: 0.5 * LEASE_MS });
    other!.standing = { kind: 'hangs' };
    const before = other!.questionCount;
    cutOff(running.own, running.session);
    await other!.asked(before + 1);
    cutOff(other!);
    await running.session.heard('heartbeat', 2);
    await endsWell(running, running.session);
  });

  test('it goes on for as long as they hold off, not longer', async () => {
    const [other] = await startOthers(1);
    const { own, session, attempt, worker } = await runningWorker([other!]);
    cutOff(own, session);
    await severalLeases();
    other!.standing = { kind: 'holds_off', holdsOffMs: 0 };
    const before = performance.now();
    await processesGone(markOf(attempt.ref));
    expect(performance.now() - before).toBeLessThan(LEASE_MS);
    await expect.poll(() => metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
  });
});

test('what a coordinator says when it ends the session counts, for as long as it says', async () => {
  const [other] = await startOthers(1);
  other!.standing = { kind: 'holds_off', holdsOffMs: 60_000 };
  const { own, session, attempt } = await runningWorker([other!]);
  await session.heard('heartbeat', 2);
  own.standing = { kind: 'hangs' };
  const before = performance.now();
  session.refuse(status.UNAVAILABLE, 'this coordinator is stopping', 2 * LEASE_MS);
  await processesGone(markOf(attempt.ref));
  const lastedMs = performance.now() - before;
  expect(lastedMs).toBeGreaterThan(1.2 * LEASE_MS);
  expect(lastedMs).toBeLessThan(2 * LEASE_MS);
});

describe('one of them may reach PostgreSQL and give its tasks away', () => {
  test('the other hangs: what runs is killed before the lease is over', async () => {
    const deaf = await hang(0);
    const { port } = deaf.address() as { port: number };
    const { own, session, attempt, worker } = await runningWorker([{ address: `127.0.0.1:${port}` }]);
    await session.heard('heartbeat', 2);
    const renewedAtMs = performance.now(); // or up to an interval ago
    cutOff(own, session);
    await processesGone(markOf(attempt.ref));
    expect(performance.now() - renewedAtMs).toBeLessThan(LEASE_MS);
    await expect.poll(() => metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
  });

  test('without a session: what runs is killed before the lease is over', async () => {
    const [other] = await startOthers(1);
    const { own, session, attempt } = await runningWorker([other!]);
    other!.standing = { kind: 'hangs' };
    await session.heard('heartbeat', 2);
    const renewedAtMs = performance.now();
    own.standing = CUT_OFF;
    session.refuse(status.UNAVAILABLE, 'this coordinator is stopping', LEASE_MS);
    await processesGone(markOf(attempt.ref));
    expect(performance.now() - renewedAtMs).toBeLessThan(LEASE_MS);
  });

  test('nobody listens anywhere: what runs is killed before the lease is over', async () => {
    const { own, session, attempt } = await runningWorker([{ address: await deadAddress() }]);
    await session.heard('heartbeat', 2);
    const renewedAtMs = performance.now();
    own.stop();
    await processesGone(markOf(attempt.ref));
    expect(performance.now() - renewedAtMs).toBeLessThan(LEASE_MS);
  });

  test('a name leads to one that was not there before: it has to be asked, too', async () => {
    const own = await ScriptedCoordinator.start('127.0.0.1');
    const deaf = await ScriptedCoordinator.start('127.0.0.2', own.port);
    deaf.standing = { kind: 'hangs' };
    let found = ['127.0.0.1'];
    const { worker } = startWorker([{ address: `coordinators.example:${own.port}` }], {}, () => Promise.resolve(found));
    const session = await own.session();
    await session.accept(TERMS);
    const attempt = attemptOf('sleep 600');
    session.dispatch(attempt);
    await session.started(attempt.ref);
    found = ['127.0.0.1', '127.0.0.2'];
    cutOff(own, session);
    await processesGone(markOf(attempt.ref));
    expect(deaf.questionCount).toBeGreaterThan(0);
    await expect.poll(() => metric(worker, 'hydra_worker_lease_fences_total')).toBe(1);
  });
});
