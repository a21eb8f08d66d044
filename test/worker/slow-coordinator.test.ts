import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { FromWorker } from '../../src/rpc/messages.ts';
import { BOUNDS, type Bound } from '../../src/worker/metrics.ts';
import type { Worker } from '../../src/worker/worker.ts';
import type { ScriptedSession } from './support/scripted-coordinator.ts';
import { attemptOf, metric, registeredPair } from './support/test-worker.ts';

/* A coordinator that is connected and does not read. */

const KIB = 1024;
const LIMIT = 1024 * KIB;
const SLOTS = 8;
/** Heartbeats do not come in between, and nothing takes the session for dead, while a test lasts. */
const PATIENT = { leaseMs: 600_000, heartbeatIntervalMs: 600_000 };

/** 20 MB, every line of which is different, so that each byte that is missing or wrong shows. */
const FLOOD = 'seq 1 2600000';
const FLOOD_BYTES = Buffer.from(Array.from({ length: 2_600_000 }, (_, i) => `${i + 1}\n`).join(''));
/** What is kept of it. */
const KEPT = Buffer.concat([FLOOD_BYTES.subarray(0, LIMIT / 2), FLOOD_BYTES.subarray(FLOOD_BYTES.length - LIMIT / 2)]);

const hits = async (worker: Worker, bound: Bound) => {
  const found = (await worker.registry.getMetricsAsJSON()).find(({ name }) => name === 'hydra_bound_hits_total');
  return found?.values.find(({ labels }) => labels.bound === bound)?.value;
};

/** Bytes of output and results in what was said. */
function bytesOf(message: FromWorker): number {
  const sum = (pieces: readonly { readonly data: Buffer }[]) => pieces.reduce((all, { data }) => all + data.length, 0);
  if (message.kind === 'output') return sum(message.chunks);
  return message.kind === 'report' ? message.finished.reduce((all, { output }) => all + sum(output), 0) : 0;
}

/** Messages that gRPC keeps for who does not read. */
const MOST_UNREAD = 16;

const PATIENCE = { timeout: 40_000 };
const unacknowledged = (worker: Worker) => metric(worker, 'hydra_worker_unacknowledged_results');
const finished = (session: ScriptedSession) =>
  session.said.flatMap((m) => (m.kind === 'report' ? m.finished.map(({ ref }) => ref) : []));

/** The most bytes that were said in one message. */
const largest = (session: ScriptedSession) => Math.max(...session.said.map(bytesOf));

describe('a flood of output', () => {
  test('is kept to its limit, and all that is kept comes in the end, byte for byte', async () => {
    const { session, worker } = await registeredPair(PATIENT, { HYDRA_SLOTS: String(SLOTS) });
    const before = process.memoryUsage().rss;
    session.read(false);
    const floods = Array.from({ length: SLOTS }, () => attemptOf(FLOOD));
    session.dispatch(...floods);
    // Each has written all there is when it holds the head and the tail, for that is when its command has ended.
    await expect.poll(() => metric(worker, 'hydra_worker_held_output_bytes'), PATIENCE).toBe(SLOTS * LIMIT);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    expect(await metric(worker, 'hydra_worker_running')).toBe(SLOTS);
    expect(await metric(worker, 'hydra_worker_unacknowledged_results')).toBe(0);

    session.read(true);
    const reports = await Promise.all(floods.map(({ ref }) => session.finished(ref)));
    expect(reports.map(({ result }) => result.exitCode)).toEqual(floods.map(() => 0));
    for (const { ref } of floods) {
      const { stdout, totalBytes } = session.written(ref);
      expect(totalBytes).toBe(FLOOD_BYTES.length);
      expect(stdout.equals(KEPT)).toBe(true);
    }
    session.acknowledge(...floods.map(({ ref }) => ref));
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBe(0);
    expect(await metric(worker, 'hydra_worker_held_output_bytes')).toBe(0);
    expect(await hits(worker, 'output_limit')).toBe(SLOTS);
    expect(await hits(worker, 'output_window')).toBeGreaterThan(0);
    expect(largest(session)).toBeLessThanOrEqual(192 * KIB);
  });
});

describe('many short commands', () => {
  test('wait in the worker, within the window, and come in the end, in small frames', async () => {
    const WINDOW = 16;
    const COUNT = 60;
    const { session, worker } = await registeredPair({ ...PATIENT, resultWindow: WINDOW }, { HYDRA_SLOTS: '60' });
    session.read(false);
    const attempts = Array.from({ length: COUNT }, (_, i) => attemptOf(`seq ${i} 9000 | head -c 40000`));
    session.dispatch(...attempts);
    // But for those, under load, that wrote a while before they ended: what they wrote is to be taken first.
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBeGreaterThan(COUNT / 2);
    session.read(true);
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBe(COUNT);
    await expect.poll(() => finished(session).length, PATIENCE).toBe(WINDOW);
    // No more comes as long as none is acknowledged, whatever else does.
    const other = attemptOf('sleep 600');
    session.dispatch(other);
    await session.started(other.ref);
    expect(finished(session)).toHaveLength(WINDOW);
    expect(await hits(worker, 'results_window')).toBe(1);
    for (let acknowledged = 0; acknowledged < COUNT;) {
      const next = finished(session).slice(acknowledged);
      session.acknowledge(...next);
      acknowledged += next.length;
      await expect.poll(() => finished(session).length, PATIENCE).toBe(Math.min(COUNT, acknowledged + WINDOW));
    }
    const expected = (i: number) =>
      Array.from({ length: 9_001 - i }, (_, n) => `${i + n}\n`)
        .join('')
        .slice(0, 40_000);
    for (const [i, { ref }] of attempts.entries()) expect(session.written(ref).text).toBe(expected(i));
    expect(largest(session)).toBeLessThanOrEqual(256 * KIB);
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBe(0);
  });

  test('a window that a heartbeat brings counts from then on', async () => {
    const terms = { ...PATIENT, heartbeatIntervalMs: 50, resultWindow: 2 };
    const { session, worker } = await registeredPair(terms, { HYDRA_SLOTS: '20' });
    const attempts = Array.from({ length: 12 }, () => attemptOf('true'));
    session.dispatch(...attempts);
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBe(12);
    await expect.poll(() => finished(session).length, PATIENCE).toBe(2);
    const { sequence } = await session.heard('heartbeat');
    session.send({ kind: 'heartbeat_ack', sequence, renewed: true, holdsOffMs: 0, resultWindow: 7 });
    await expect.poll(() => finished(session).length, PATIENCE).toBe(7);
    const counts = await Promise.all(BOUNDS.map((bound) => hits(worker, bound)));
    expect(counts).toEqual([2, 0, 0, 0]); // each is there from the beginning
  });
});

describe('what is sent', () => {
  test('is not more than the connection takes, so that a heartbeat waits for little', async () => {
    const { session, worker } = await registeredPair(PATIENT, { HYDRA_SLOTS: '130' });
    session.read(false);
    const read = session.said.length;
    // Results with all the output that they may carry, twice what the connection takes, and a flood beside them.
    session.dispatch(...Array.from({ length: 120 }, () => attemptOf('head -c 65000 /dev/zero')), attemptOf(FLOOD));
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBeGreaterThan(100);
    await expect.poll(() => session.unread, PATIENCE).toBe(MOST_UNREAD);
    // Said at once, as heartbeats are, but when the test wants it.
    session.send({ kind: 'drain', timeoutMs: null });
    await expect.poll(() => worker.readiness().checks.slots, PATIENCE).toBe('draining');
    session.read(true);
    const draining = await session.heard('draining');
    // Without what had reached this side.
    const before = session.said.slice(read + MOST_UNREAD, session.said.indexOf(draining)).map(bytesOf);
    const bytes = before.reduce((sum, each) => sum + each, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual((64 + 256 + 192) * KIB); // taken by the connection, and a frame of either kind
  });

  test('is sent again whole to another that reads', async () => {
    const { coordinator, session, worker } = await registeredPair(PATIENT, { HYDRA_SLOTS: '12' });
    session.read(false);
    const attempts = [
      ...Array.from({ length: 3 }, () => attemptOf(FLOOD)),
      ...Array.from({ length: 9 }, () => attemptOf('seq 9000')),
    ];
    session.dispatch(...attempts);
    await expect.poll(() => unacknowledged(worker), PATIENCE).toBe(9);
    session.refuse(status.UNAVAILABLE);
    const next = await coordinator.session(2);
    await next.accept(PATIENT);
    await Promise.all(attempts.map(({ ref }) => next.finished(ref)));
    const lines = Array.from({ length: 9_000 }, (_, i) => `${i + 1}\n`).join('');
    for (const { ref } of attempts.slice(3)) expect(next.written(ref).text).toBe(lines);
    for (const { ref } of attempts.slice(0, 3)) {
      // What the first had taken and acknowledged is its.
      const [before, after] = [session.written(ref).stdout, next.written(ref).stdout];
      expect(KEPT.subarray(KEPT.length - after.length).equals(after) || KEPT.equals(after)).toBe(true);
      expect(before.length + after.length).toBeGreaterThanOrEqual(KEPT.length);
    }
  });
});
