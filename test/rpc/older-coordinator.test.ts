import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { startWorker } from '../worker/support/test-worker.ts';
import { OlderCoordinator, type OlderSession } from './support/older-coordinator.ts';

/* A worker of this release at coordinators of the release before. */

const LEASE_MS = 2_000;

interface Served {
  readonly worker: ReturnType<typeof startWorker>['worker'];
  /** Where the worker is, and its other coordinators. */
  readonly home: OlderCoordinator;
  readonly others: readonly OlderCoordinator[];
  readonly session: OlderSession;
}

/** A worker that is registered with one of so many older coordinators. */
async function served(count = 1, leaseMs = LEASE_MS): Promise<Served> {
  const coordinators = await Promise.all(Array.from({ length: count }, () => OlderCoordinator.start(leaseMs)));
  const { started, worker } = startWorker(coordinators);
  const { home, session } = await Promise.any(
    coordinators.map(async (home) => ({ home, session: await home.session() })),
  );
  await session.accept();
  await started;
  return { worker, home, others: coordinators.filter((other) => other !== home), session };
}

describe('at an older coordinator a worker', () => {
  test('runs commands, tells what they write and how they end', async () => {
    const { session } = await served();
    const ref = session.dispatch('echo hello; exit 3');
    expect(await session.finished(ref)).toMatchObject({ reason: 'REASON_EXITED', exit_code: 3 });
    session.acknowledge(ref);
    expect(session.written(ref)).toBe('hello\n');
  });

  test('sends output and the start before the result, and heartbeats meanwhile', async () => {
    const { session } = await served();
    const ref = session.dispatch('echo early; sleep 60');
    await session.started(ref);
    await session.wrote(ref, 'early\n');
    await session.beats(4);
    session.send({ cancel: { refs: [ref] } });
    expect(await session.finished(ref)).toMatchObject({ reason: 'REASON_CANCELLED' });
    session.acknowledge(ref);
  });

  test('kills what it is told to stop, and reports nothing of it', async () => {
    const { session } = await served();
    const ref = session.dispatch('sleep 60');
    await session.started(ref);
    session.send({ stop: { refs: [ref] } });
    // Its slot is free again, and nothing was said of the other one.
    const next = session.dispatch('true');
    await session.finished(next);
    expect(session.ends.map((end) => end.ref.task_id)).toEqual([next.task_id]);
  });

  test('keeps commands running while that cannot reach PostgreSQL', async () => {
    const { session } = await served();
    const ref = session.dispatch('sleep 5; echo done');
    await session.started(ref);
    session.renewed = false;
    // More than twice as long as a lease.
    expect(await session.finished(ref)).toMatchObject({ reason: 'REASON_EXITED', exit_code: 0 });
    session.renewed = true;
    session.acknowledge(ref);
  });

  test('takes commands along to another one that may reach PostgreSQL, before its lease ends', async () => {
    const { others, session } = await served(2);
    const ref = session.dispatch('sleep 5; echo done');
    await session.started(ref);
    session.renewed = false;
    const elsewhere = await others[0]!.session();
    expect((await elsewhere.accept()).in_hand.map((attempt) => attempt.ref)).toEqual([ref]);
    expect(await elsewhere.finished(ref)).toMatchObject({ reason: 'REASON_EXITED', exit_code: 0 });
    elsewhere.acknowledge(ref);
  });

  test('comes back with what it runs when its session is cut', async () => {
    const { home, session } = await served();
    const ref = session.dispatch('sleep 1; echo done');
    await session.started(ref);
    session.refuse(status.INTERNAL, 'as the test wants it');
    const again = await home.session(2);
    const { in_hand: inHand, ordinal } = await again.accept();
    expect(inHand.map((attempt) => attempt.ref)).toEqual([ref]);
    expect(ordinal).toBeGreaterThan(1);
    expect(await again.finished(ref)).toMatchObject({ exit_code: 0 });
    again.acknowledge(ref);
    expect(again.written(ref)).toBe('done\n');
  });

  test('sends a result again that was not acknowledged', async () => {
    const { home, session } = await served();
    const ref = session.dispatch('exit 4');
    await session.finished(ref);
    session.refuse(status.INTERNAL, 'as the test wants it');
    const again = await home.session(2);
    const { in_hand: inHand } = await again.accept();
    expect(inHand.map((attempt) => attempt.ref)).toEqual([ref]);
    expect(await again.finished(ref)).toMatchObject({ exit_code: 4 });
    again.acknowledge(ref);
  });

  test('goes to another one when it stops, with its commands running', async () => {
    const { home, others, session } = await served(2);
    const ref = session.dispatch('sleep 2');
    await session.started(ref);
    session.refuse(status.UNAVAILABLE, 'this coordinator is stopping; try another');
    home.stop();
    const elsewhere = await others[0]!.session();
    expect((await elsewhere.accept()).in_hand.map((attempt) => attempt.ref)).toEqual([ref]);
    expect(await elsewhere.finished(ref)).toMatchObject({ exit_code: 0 });
    elsewhere.acknowledge(ref);
  });

  test('drains and says goodbye', async () => {
    const { session, worker } = await served();
    const ref = session.dispatch('sleep 0.5');
    await session.started(ref);
    session.send({ drain: {} });
    await session.said('draining');
    await session.finished(ref);
    session.acknowledge(ref);
    await session.said('goodbye');
    session.end();
    await worker.stop();
  });
});
