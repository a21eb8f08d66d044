import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { claimPort } from '../../src/cli/up/ports.ts';
import { linkTo } from '../support/link-to.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { askStanding, promiseOf, untilRenewing } from './support/ask-standing.ts';
import { again, database, registered, startCoordinator, worker } from './support/fixture.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 30_000 };

const LEASE_MS = 6_000;
const ENV = { HYDRA_LEASE_MS: String(LEASE_MS) };

/** A coordinator whose way to PostgreSQL a test can break. */
async function startLinked(env: Record<string, string> = {}) {
  const { link, url } = await linkTo(database.url);
  onTestFinished(() => link.close());
  return { link, coordinator: await startCoordinator({ ...ENV, DATABASE_URL: url, ...env }) };
}

/** A coordinator whose statements a test can hold back. */
async function startProxied() {
  const proxy = new TcpProxy(new URL(database.url));
  const coordinator = await startCoordinator({ ...ENV, DATABASE_URL: await proxy.start() });
  onTestFinished(() => proxy.stop());
  return { coordinator, proxy };
}

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  return promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as ServiceError,
  );
}

describe('a coordinator that is asked for its standing', () => {
  test('says that it renews, and how many sessions it has', async () => {
    const coordinator = await startCoordinator(ENV);
    const standing = { coordinatorId: coordinator.id, renewing: true, holdsOffMs: 0 };
    await expect.poll(() => askStanding(coordinator), SOON).toEqual({ ...standing, sessions: 0 });
    await registered(coordinator);
    await registered(coordinator);
    await expect.poll(() => askStanding(coordinator), SOON).toEqual({ ...standing, sessions: 2 });
  });

  test('promises to hold off when PostgreSQL refuses it, and renews again when it does not', async () => {
    const { coordinator, link } = await startLinked();
    const scripted = await registered(coordinator);
    link.break({ kind: 'refuse' });
    expect(await askStanding(coordinator)).toMatchObject({ renewing: false, holdsOffMs: LEASE_MS, sessions: 1 });
    expect(await scripted.heartbeatAck(false)).toMatchObject({ holdsOffMs: LEASE_MS });
    link.mend();
    await scripted.heartbeatAck(true);
    await untilRenewing(coordinator);
  });

  test('promises to hold off when PostgreSQL does not answer', async () => {
    const { coordinator, link } = await startLinked();
    await untilRenewing(coordinator);
    link.break({ kind: 'stall', direction: 'both' });
    expect(await askStanding(coordinator)).toMatchObject({ renewing: false, holdsOffMs: LEASE_MS });
    link.mend();
    await untilRenewing(coordinator);
  });

  test('renews over another connection soon after the one that it had has died without a word', async () => {
    const { coordinator, link } = await startLinked();
    await untilRenewing(coordinator);
    link.break({ kind: 'half-open', afterwards: 'stay dead' });
    expect(await askStanding(coordinator)).toMatchObject({ renewing: false });
    link.mend();
    const mendedAtMs = performance.now();
    await untilRenewing(coordinator);
    // The interval, a second for the answer, and a pause; not the 31 s of other statements.
    expect(performance.now() - mendedAtMs).toBeLessThan(10_000);
  });
});

describe('health', () => {
  test('turns with the first renewal that fails, and says what is wrong and since when', async () => {
    const { port } = await claimPort({ host: '127.0.0.1', port: 0 }, '');
    // A lease is long: it does not end meanwhile.
    const env = { HYDRA_LEASE_MS: '12000', HYDRA_HEALTH_PORT: String(port) };
    const { coordinator, link } = await startLinked(env);
    const ready = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      return { status: response.status, body: await response.json() };
    };
    await expect.poll(ready, SOON).toEqual({ status: 200, body: { ready: true, checks: { postgresql: 'ok' } } });
    link.break({ kind: 'refuse' });
    await askStanding(coordinator);
    const postgresql = expect.stringMatching(/^unavailable for \d s: /) as string;
    expect(await ready()).toEqual({ status: 503, body: { ready: false, checks: { postgresql } } });
    link.mend();
    await expect.poll(ready, { timeout: 10_000 }).toMatchObject({ status: 200 });
  });
});

describe('a worker that cannot be served', () => {
  test('is told so with a promise when PostgreSQL refuses its registration', async () => {
    const { coordinator, link } = await startLinked();
    link.break({ kind: 'refuse' });
    const scripted = worker(coordinator);
    await expect(scripted.register()).rejects.toThrow();
    const end = await scripted.ended;
    expect(end.code).toBe(status.UNAVAILABLE);
    expect(promiseOf(end)).toBe(LEASE_MS);
  });

  test('is told so in time when PostgreSQL does not answer, and what it commits late is undone', async () => {
    const { coordinator, proxy } = await startProxied();
    const other = await startCoordinator(ENV);
    const held = proxy.holdBack((sent) => sent.includes('INSERT INTO workers'));
    const early = worker(coordinator, { workerId: 'early', ordinal: 1 });
    const sentAtMs = performance.now();
    await expect(early.register()).rejects.toThrow('PostgreSQL does not answer');
    const letGo = await held;
    const end = await early.ended;
    expect(end.code).toBe(status.UNAVAILABLE);
    expect(promiseOf(end)).toBe(LEASE_MS);
    expect(performance.now() - sentAtMs).toBeLessThan(LEASE_MS / 2);
    // It goes elsewhere before the first registration has arrived.
    const later = again(early, other);
    await later.register();
    const { sessionId, coordinatorId } = await row();
    expect(coordinatorId).toBe(other.id);
    letGo();
    // Answered after it was looked at: a registration that follows it on the same connections.
    await registered(coordinator, { workerId: 'somebody' });
    await later.heartbeatAck(true);
    expect(await row()).toEqual({ sessionId, coordinatorId: other.id });
  });

  test('takes over from a registration of its own that was committed when nobody waited for it any more', async () => {
    const { coordinator, proxy } = await startProxied();
    const held = proxy.holdBack((sent) => sent.includes('INSERT INTO workers'));
    const early = worker(coordinator, { workerId: 'early', ordinal: 1 });
    await expect(early.register()).rejects.toThrow('PostgreSQL does not answer');
    (await held)();
    await expect.poll(async () => (await row()).coordinatorId, SOON).toBe(coordinator.id);
    const { sessionId } = await row();
    const later = again(early, coordinator);
    const registered = await later.register();
    expect(registered.sessionId).not.toBe(sessionId);
    expect(await row()).toMatchObject({ sessionId: registered.sessionId });
    await later.heartbeatAck(true);
  });

  test('is sent elsewhere with a promise when the coordinator stops, in whatever it was', async () => {
    const { coordinator, proxy } = await startProxied();
    const served = await registered(coordinator);
    const silent = worker(coordinator);
    const held = proxy.holdBack((sent) => sent.includes('INSERT INTO workers'));
    const registering = worker(coordinator);
    const refused = failure(registering.register());
    const letGo = await held;
    // Stopping waits for what is under way.
    const goOn = await proxy.holdBack((sent) => sent.includes('min(lease_until)'));
    const stopping = coordinator.stop();
    const standing = await failure(askStanding(coordinator));
    const late = worker(coordinator);
    await failure(late.register());
    goOn();
    for (const end of [standing, ...(await Promise.all([served, silent, registering, late].map((s) => s.ended)))]) {
      expect(end.code).toBe(status.UNAVAILABLE);
      expect(promiseOf(end)).toBe(LEASE_MS);
    }
    await refused;
    letGo();
    await stopping;
  });
});

/** The worker "early", as PostgreSQL knows it. */
async function row(): Promise<{ sessionId?: string; coordinatorId?: string }> {
  const { rows } = await database.pool.query<{ sessionId: string; coordinatorId: string }>(
    `SELECT session_id AS "sessionId", coordinator_id AS "coordinatorId" FROM workers WHERE id = 'early'`,
  );
  return rows[0] ?? {};
}
