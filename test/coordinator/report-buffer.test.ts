import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { EventHub, type HubEvent } from '../../src/coordinator/event-hub.ts';
import { CoordinatorMetrics } from '../../src/coordinator/metrics.ts';
import { ReportBuffer } from '../../src/coordinator/report-buffer.ts';
import type { AttemptKey } from '../../src/db/attempt-key.ts';
import type { Queryable } from '../../src/db/pool.ts';
import type { AttemptResult } from '../../src/domain/task-state.ts';
import type { AttemptRef, FinishedReport } from '../../src/rpc/messages.ts';
import { COORDINATOR, exited, seedClaim } from '../db/support/attempts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storedTask, type TaskSeed } from '../support/tasks.ts';
import { openSession } from './support/open-session.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => database.pool.query('DELETE FROM tasks'));
afterAll(() => database.close());

const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const broken = () => new Error('Connection terminated unexpectedly');

/** What becomes of a statement: by its name, or a part of its text. */
interface Fault {
  readonly of: string;
  /** PostgreSQL commits it, and its answer is lost. */
  readonly committed?: boolean;
}

/** A report buffer that is not started yet; each fault happens once. */
function buffer(...faults: Fault[]) {
  const query = async (statement: pg.QueryConfig | string, values?: unknown[]) => {
    const text = typeof statement === 'string' ? statement : `${statement.name} ${statement.text}`;
    const at = faults.findIndex(({ of }) => text.includes(of));
    const fault = at < 0 ? undefined : faults.splice(at, 1)[0];
    if (fault !== undefined && fault.committed !== true) throw away();
    const result = await database.pool.query(statement as string, values);
    if (fault !== undefined) throw broken();
    return result;
  };
  const stopped: AttemptRef[] = [];
  const events: HubEvent[] = [];
  const hub = new EventHub();
  hub.watch((event) => events.push(event));
  const metrics = new CoordinatorMetrics();
  const reports = new ReportBuffer({
    db: { query } as unknown as Queryable,
    coordinatorId: COORDINATOR,
    hub,
    metrics,
    logger: pino({ level: 'silent' }),
    onSuperseded: (_session, refs) => stopped.push(...refs),
    onRelief: () => undefined,
  });
  onTestFinished(() => reports.stop());
  return { reports, stopped, events, faults };
}

const claimed = (seed: TaskSeed = {}) => seedClaim(database.pool, seed);

function finished(ref: AttemptRef, result: AttemptResult = exited(0)): FinishedReport {
  const usage = { cpuMs: null, peakMemoryBytes: null };
  return { ref, startedAgeUs: 2_000, endedAgeUs: 1_000, result, output: [], usage };
}

/** What the session was told of results. */
function answers({ sent }: ReturnType<typeof openSession>) {
  const told = sent.flatMap((message) => (message.kind === 'acknowledge' ? [message] : []));
  const refs = (of: (message: (typeof told)[number]) => readonly AttemptRef[]) => told.flatMap(of).map(keyOf).sort();
  return { recorded: refs((message) => message.recorded), superseded: refs((message) => message.superseded) };
}

const keyOf = ({ attempt, taskId }: AttemptKey) => `${taskId}/${attempt}`;
const keysOf = (...refs: AttemptKey[]) => refs.map(keyOf).sort();
const retried = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: 60_000 } } as const;
const handedBack: AttemptResult = { reason: 'worker_lost', exitCode: null, signal: null, error: null };

describe('when one statement of a batch fails', () => {
  test('ends that another has recorded are acknowledged, and starts are recorded later', async () => {
    const { faults, reports, stopped } = buffer({ of: 'mark-started' });
    const session = openSession();
    const [starting, ended] = [await claimed(), await claimed()];
    reports.add(session.open, [{ ref: starting, startedAgeUs: 10 }], [finished(ended)]);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(answers(session)).toEqual({ recorded: keysOf(ended), superseded: [] });
    expect(stopped).toEqual([]);
    expect(faults).toEqual([]);
    expect(await storedTask(database.pool, starting.taskId)).toMatchObject({ state: 'running' });
  });

  test('starts that another has recorded are told once, and ends are recorded later', async () => {
    const { events, reports, stopped } = buffer({ of: 'end-attempts' });
    const session = openSession();
    const [starting, ended] = [await claimed(), await claimed()];
    reports.add(session.open, [{ ref: starting, startedAgeUs: 10 }], [finished(ended)]);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(answers(session)).toEqual({ recorded: keysOf(ended), superseded: [] });
    expect(stopped).toEqual([]);
    expect(events.map(({ kind }) => kind).sort()).toEqual(['TASK_ENDED', 'TASK_STARTED']);
  });

  // Each is sent after ends without a policy were recorded.
  test.each([
    ['that reads policies', 'retry_counts FROM tasks t'],
    ['that retries', 'retry-attempts'],
    ['that hands back', 'its worker handed it back'],
  ])('(the one %s) no end that was recorded before counts as superseded', async (_, of) => {
    const { faults, reports } = buffer({ of });
    const session = openSession();
    const plain = await claimed();
    const failing = await claimed({ retry: retried });
    const returned = await claimed();
    const ends = [finished(plain), finished(failing, exited(1)), finished(returned, handedBack)];
    reports.add(session.open, [], ends);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(faults).toEqual([]);
    expect(answers(session)).toEqual({ recorded: keysOf(plain, failing, returned), superseded: [] });
    expect(await storedTask(database.pool, failing.taskId)).toMatchObject({ state: 'scheduled', retry_counts: [1] });
  });
});

describe('when the answer to a statement is lost', () => {
  test.each([
    ['of ends', 'end-attempts'],
    ['of retries', 'retry-attempts'],
  ])('(%s) what it has recorded counts as recorded, and what it has not does not', async (_, of) => {
    const { faults, reports } = buffer({ of, committed: true });
    const session = openSession();
    const plain = await claimed();
    const failing = await claimed({ retry: retried });
    const unknown = { taskId: randomUUID(), attempt: 1 };
    reports.add(session.open, [], [finished(plain), finished(failing, exited(1)), finished(unknown)]);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(faults).toEqual([]);
    expect(answers(session)).toEqual({ recorded: keysOf(plain, failing), superseded: keysOf(unknown) });
    expect(await storedTask(database.pool, failing.taskId)).toMatchObject({ state: 'scheduled', retry_counts: [1] });
  });
});

describe('what waits', () => {
  test('is counted for the newest session of its worker, and comes out once', async () => {
    const { reports } = buffer({ of: 'end-attempts' });
    const [before, after] = [openSession('worker-1'), openSession('worker-1')];
    const [one, two] = [await claimed(), await claimed()];
    reports.add(before.open, [{ ref: one, startedAgeUs: 10 }], [finished(two)]);
    expect(reports.size).toBe(2);
    reports.add(after.open, [], [finished(one), finished(two)]);
    expect(reports.size).toBe(2);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(answers(before)).toEqual({ recorded: [], superseded: [] });
    expect(answers(after)).toEqual({ recorded: keysOf(one, two), superseded: [] });
  });

  test('keeps its age however long it waits', async () => {
    const { reports } = buffer(...Array.from({ length: 4 }, () => ({ of: 'end-attempts' })));
    const session = openSession();
    const ref = await claimed();
    const { rows } = await database.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    reports.add(session.open, [], [finished(ref)]);
    await reports.start();
    await expect.poll(() => answers(session).recorded, { timeout: 10_000 }).toEqual(keysOf(ref));
    const { completed_at: completed } = await storedTask(database.pool, ref.taskId);
    // Four tries have failed, and the pauses after them take 750 ms at least.
    expect(completed!.getTime() - rows[0]!.now.getTime()).toBeLessThan(500);
  });

  test('stops claiming when there is much of it, and not any more once it is committed', async () => {
    const { reports } = buffer();
    const session = openSession();
    session.open.send({
      ...{ kind: 'registered', sessionId: '', coordinatorId: '', leaseMs: 1, heartbeatIntervalMs: 1, superseded: [] },
      ...{ outputWindowBytes: 0, resultWindow: 10_000 },
    });
    const results = (count: number) =>
      Array.from({ length: count }, () => finished({ taskId: randomUUID(), attempt: 1 }));
    reports.add(session.open, [], results(5_000));
    expect(reports.keepsUp).toBe(true);
    reports.add(session.open, [], results(1));
    expect(reports.keepsUp).toBe(false);
    await reports.start();
    await expect.poll(() => reports.size).toBe(0);
    expect(reports.keepsUp).toBe(true);
    expect(answers(session).superseded).toHaveLength(5_001);
  });

  test('must not hold too much output of one worker', () => {
    const { reports } = buffer();
    const session = openSession();
    const data = Buffer.alloc(8 * 1024 * 1024);
    const output = [
      { start: 0, data, segments: [data.length], stdoutEnd: data.length, stderrEnd: 0, replacesFrom: null },
    ];
    const result = () => ({ ...finished({ taskId: randomUUID(), attempt: 1 }), output });
    for (let count = 0; count < 9; count++) reports.add(session.open, [], [result()]);
    expect([reports.keepsUp, session.faults]).toEqual([false, []]);
    reports.add(session.open, [], [result()]);
    expect(session.faults).toMatchObject([{ code: 8 }]);
  });
});
