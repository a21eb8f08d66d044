import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { claimPort } from '../../src/cli/up/ports.ts';
import { DUE_CHANNEL } from '../../src/db/channels.ts';
import type { AttemptRef, FinishedReport } from '../../src/rpc/messages.ts';
import { linkTo } from '../support/link-to.ts';
import { watchEvents } from './support/debug-client.ts';
import { beforeStop, database, registered, startCoordinator, submit, submitInput, worker } from './support/fixture.ts';
import { hits, scrape } from './support/scrape.ts';
import { ScriptedWorker, written } from './support/scripted-worker.ts';

/* Whoever is too slow slows down the others, and nobody's memory grows without a bound. */

/** A coordinator whose metrics can be read, and whose way to PostgreSQL can be held up. */
async function startObserved(env: Record<string, string> = {}) {
  const { port } = await claimPort({ host: '127.0.0.1', port: 0 }, '');
  const { link, url } = await linkTo(database.url);
  onTestFinished(() => link.close());
  const coordinator = await startCoordinator({ DATABASE_URL: url, HYDRA_HEALTH_PORT: String(port), ...env });
  return { coordinator, link, port };
}

/** Due tasks, put into the table at once. */
async function seedDue(count: number): Promise<void> {
  const sql = `INSERT INTO tasks (id, queue, labels, lane, command, scheduled_at, due_at)
    SELECT gen_random_uuid(), 'default', '{}', 'default', 'true', now(), now() FROM generate_series(1, $1)`;
  await database.pool.query(sql, [count]);
  await database.pool.query(`NOTIFY ${DUE_CHANNEL}`);
}

function succeeded(ref: AttemptRef): FinishedReport {
  return {
    ref,
    startedAgeUs: 2_000,
    endedAgeUs: 1_000,
    result: { reason: 'exited', exitCode: 0, signal: null, error: null },
    output: [],
    usage: { cpuMs: 1, peakMemoryBytes: null },
  };
}

function sendResults(scripted: ScriptedWorker, refs: readonly AttemptRef[]): void {
  for (let from = 0; from < refs.length; from += 500) {
    scripted.send({ kind: 'report', started: [], finished: refs.slice(from, from + 500).map(succeeded) });
  }
}

describe('while PostgreSQL is held up', () => {
  test('heartbeats are answered, results wait, nothing new is claimed, and each is recorded once', async () => {
    const [slots, leaseMs] = [3_000, 6_000];
    const { coordinator, link, port } = await startObserved({ HYDRA_LEASE_MS: String(leaseMs) });
    await seedDue(2 * slots);
    const pair = [await registered(coordinator, { slots }), await registered(coordinator, { slots })];
    const sent = await Promise.all(pair.map((scripted) => scripted.attempts(slots)));
    link.break({ kind: 'stall', direction: 'both' });
    for (const [index, scripted] of pair.entries()) {
      sendResults(
        scripted,
        sent[index]!.map(({ ref }) => ref),
      );
      while (scripted.pending('heartbeat_ack').length > 0) await scripted.next('heartbeat_ack');
    }
    // A worker looks for another coordinator when it hears nothing for a third of its lease.
    const answers = await Promise.all(pair.map((scripted) => answersDuring(scripted, 1.3 * leaseMs)));
    for (const { longestMs, renewed } of answers) {
      expect(longestMs).toBeLessThan(leaseMs / 3);
      expect(renewed.slice(-5)).toEqual([false, false, false, false, false]);
    }
    expect(await scrape(port)).toMatchObject({
      hydra_pending_reports: 2 * slots,
      'hydra_bound_hits_total{bound="reports"}': 1,
      'hydra_bound_hits_total{bound="session_reports"}': 0,
      hydra_sessions: 2,
    });
    await submit();
    link.mend();
    const recorded = (await Promise.all(pair.map((scripted) => acknowledged(scripted, slots)))).flat();
    expect(new Set(recorded.map(({ taskId }) => taskId)).size).toBe(2 * slots);
    expect(pair.flatMap((scripted) => scripted.pending('acknowledge'))).toEqual([]);
    // What was not claimed before is now.
    await expect
      .poll(() => pair.flatMap((scripted) => scripted.pending('dispatch')).length, { timeout: 20_000 })
      .toBe(1);
    const { rows } = await database.pool.query(
      `SELECT state, attempt, count(*)::int FROM tasks WHERE state = 'completed' GROUP BY 1, 2`,
    );
    expect(rows).toEqual([{ state: 'completed', attempt: 1, count: 2 * slots }]);
    expect(await scrape(port)).toMatchObject({ hydra_pending_reports: 0, hydra_superseded_total: 0 });
  });

  test('a worker that sends more results than it may loses its session, and no other does', async () => {
    const { coordinator, link, port } = await startObserved();
    const [greedy, modest] = [await registered(coordinator), await registered(coordinator)];
    link.break({ kind: 'stall', direction: 'both' });
    const most = 2 * 10_000 + 5 * 1 + 1_100;
    const refs = Array.from({ length: most }, () => ({ taskId: randomUUID(), attempt: 1 }));
    sendResults(greedy, refs);
    await expect.poll(async () => (await scrape(port)).hydra_pending_reports, { timeout: 20_000 }).toBe(most);
    expect(await hits(port, 'session_reports')).toBe(0);
    sendResults(greedy, [{ taskId: randomUUID(), attempt: 1 }]);
    expect(await greedy.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'the worker sends more results than it may without an acknowledgement',
    });
    expect(await scrape(port)).toMatchObject({
      'hydra_bound_hits_total{bound="session_reports"}': 1,
      hydra_sessions: 1,
    });
    link.mend();
    while (!(await modest.next('heartbeat_ack')).renewed);
  });
});

test('the window of results is shared by the sessions, and follows their number', async () => {
  const { coordinator } = await startObserved();
  const [first, second] = [await registeredWindow(coordinator), await registeredWindow(coordinator)];
  expect([first.window, second.window]).toEqual([10_000, 5_000]);
  while ((await first.scripted.next('heartbeat_ack')).resultWindow !== 5_000);
  second.scripted.vanish();
  while ((await first.scripted.next('heartbeat_ack')).resultWindow !== 10_000);
});

describe('a worker that does not read', () => {
  test('is sent no more than a bit, others get the rest, and it gets its own when it reads again', async () => {
    const { coordinator, port } = await startObserved({ HYDRA_LEASE_MS: '30000' });
    // As one that is halted: its connection takes what fits into a window, and no more.
    const { link, url } = await linkTo(`http://${coordinator.address}`);
    const halted = new ScriptedWorker(new URL(url).host, { slots: 200 });
    beforeStop(() => {
      halted.vanish();
      link.close();
    });
    await halted.register();
    link.break({ kind: 'stall', direction: 'to the client' });
    const command = `true #${'x'.repeat(100_000)}`;
    await Promise.all(Array.from({ length: 200 }, () => submitInput({ command })));
    await expect.poll(() => hits(port, 'worker_congested')).toBe(1);
    const helper = await registered(coordinator, { slots: 200 });
    const sentTo = (scripted: ScriptedWorker) =>
      scripted.pending('dispatch').flatMap(({ attempts }) => attempts.map(({ ref }) => ref.taskId));
    await expect.poll(() => sentTo(helper).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(170);
    expect(sentTo(halted)).toEqual([]);
    link.mend();
    await expect.poll(() => sentTo(helper).length + sentTo(halted).length, { timeout: 20_000 }).toBe(200);
    expect(sentTo(halted).length).toBeGreaterThan(10);
    expect(new Set([...sentTo(helper), ...sentTo(halted)]).size).toBe(200);
  });

  test('and goes on sending loses its session', async () => {
    const { coordinator, port } = await startObserved({ HYDRA_LEASE_MS: '30000' });
    const halted = await registered(coordinator);
    halted.stopReading();
    // Each piece is answered at once, since it is not to be stored.
    const chunks = Array.from({ length: 1_000 }, () => ({
      ...written('broken'),
      ref: { taskId: randomUUID(), attempt: 1 },
      segments: [1],
    }));
    for (let frames = 0; frames < 100; frames++) halted.send({ kind: 'output', chunks });
    await expect.poll(() => hits(port, 'worker_backlog'), { timeout: 20_000 }).toBe(1);
    expect(await scrape(port)).toMatchObject({ hydra_sessions: 0 });
    halted.readOn();
    expect(await halted.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'the worker does not read what it is sent',
    });
  });
});

test('somebody who watches and does not read loses events, and is told how many', async () => {
  const { coordinator, port } = await startObserved({ HYDRA_LEASE_MS: '30000' });
  const { link, url } = await linkTo(`http://${coordinator.address}`);
  const watched = await watchEvents({ address: new URL(url).host });
  beforeStop(() => link.close());
  link.break({ kind: 'stall', direction: 'to the client' });
  const tasks = 3_000;
  await seedDue(tasks);
  const scripted = await registered(coordinator, { slots: tasks });
  await scripted.attempts(tasks);
  await expect.poll(() => hits(port, 'events')).toBeGreaterThan(0);
  link.mend();
  // The worker has come, and each task was claimed and sent.
  const all = async () => watched.events.length + (await hits(port, 'events'));
  await expect.poll(all, { timeout: 20_000 }).toBe(1 + 2 * tasks);
  scripted.send({ kind: 'draining' });
  await expect.poll(() => watched.events.at(-1)?.kind).toBe('WORKER_DRAINING');
  const dropped = watched.events.reduce((sum, event) => sum + event.dropped, 0);
  expect(dropped).toBe(await hits(port, 'events'));
});

test('what takes much memory is claimed bit by bit, and not ahead of time', async () => {
  const { coordinator, port } = await startObserved({ HYDRA_LEASE_MS: '30000' });
  const heavy = async (dueIn: string) => {
    const sql = `INSERT INTO tasks (id, queue, labels, lane, command, scheduled_at, due_at, run_bytes)
      SELECT gen_random_uuid(), 'default', '{}', 'default', 'true', at, at, 4 * 1024 * 1024
      FROM generate_series(1, 40), (SELECT now() + $1::interval AS at) due`;
    await database.pool.query(sql, [dueIn]);
  };
  await heavy('0 s');
  const scripted = await registered(coordinator, { slots: 100 });
  await scripted.attempts(40);
  expect(await hits(port, 'claim_bytes')).toBeGreaterThan(10);
  expect(await hits(port, 'agenda_bytes')).toBe(0);
  await heavy('20 s');
  await database.pool.query(`NOTIFY ${DUE_CHANNEL}`);
  await expect.poll(() => hits(port, 'agenda_bytes'), { timeout: 20_000 }).toBeGreaterThan(0);
});

async function registeredWindow(coordinator: Parameters<typeof registered>[0]) {
  const scripted = worker(coordinator);
  const { resultWindow: window } = await scripted.register();
  return { scripted, window };
}

/** The answers to heartbeats for so long, and the longest silence between two. */
async function answersDuring(scripted: ScriptedWorker, ms: number) {
  const renewed: boolean[] = [];
  let longestMs = 0;
  const end = performance.now() + ms;
  for (let beforeMs = performance.now(); beforeMs < end;) {
    renewed.push((await scripted.next('heartbeat_ack')).renewed);
    const now = performance.now();
    longestMs = Math.max(longestMs, now - beforeMs);
    beforeMs = now;
  }
  return { longestMs, renewed };
}

/** So many results, however they are framed; none of them superseded. */
async function acknowledged(scripted: ScriptedWorker, count: number): Promise<AttemptRef[]> {
  const recorded: AttemptRef[] = [];
  while (recorded.length < count) {
    const message = await scripted.next('acknowledge');
    expect(message.superseded).toEqual([]);
    recorded.push(...message.recorded);
  }
  return recorded;
}
