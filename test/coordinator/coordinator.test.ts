import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { storedTask } from '../support/tasks.ts';
import { again, database, registered, startCoordinator, submit, until, worker } from './support/fixture.ts';
import { written } from './support/scripted-worker.ts';

/** All that attempts of a task have written. */
async function storedOutput(id: string): Promise<string> {
  const { rows } = await database.pool.query<{ data: Buffer }>(
    'SELECT data FROM output_chunks WHERE task_id = $1 ORDER BY attempt, start_at',
    [id],
  );
  return Buffer.concat(rows.map(({ data }) => data)).toString();
}

describe('a session', () => {
  test('from registration to a recorded and acknowledged result', async () => {
    const coordinator = await startCoordinator();
    const scripted = worker(coordinator, { slots: 2, queues: ['default'] });
    expect(await scripted.register()).toMatchObject({
      coordinatorId: coordinator.id,
      leaseMs: 2000,
      heartbeatIntervalMs: 666,
      superseded: [],
      outputWindowBytes: 262_144,
    });
    const id = await submit({ command: 'echo hi' });
    const [attempt] = await scripted.attempts(1);
    expect(attempt).toMatchObject({ ref: { taskId: id, attempt: 1 }, run: { command: 'echo hi' }, queue: 'default' });
    scripted.reportStarted(attempt!.ref);
    await until(id, { state: 'running', worker_id: scripted.registration.workerId });
    scripted.reportFinished(attempt!.ref, 0, 'hi\n');
    expect(await scripted.next('acknowledge')).toEqual({
      kind: 'acknowledge',
      recorded: [attempt!.ref],
      superseded: [],
    });
    const row = await storedTask(database.pool, id);
    expect(row).toMatchObject({ state: 'completed', exit_code: 0, reason: 'exited', attempt: 1 });
    expect(row.picked_at! <= row.started_at! && row.started_at! <= row.completed_at!).toBe(true);
    expect(await storedOutput(id)).toBe('hi\n');
  });

  test('acknowledges a heartbeat after renewing the lease', async () => {
    const scripted = await registered(await startCoordinator());
    const lease = async () => {
      const { rows } = await database.pool.query<{ lease_until: Date }>('SELECT lease_until FROM workers');
      return rows[0]!.lease_until;
    };
    const before = await lease();
    expect(await scripted.next('heartbeat_ack')).toMatchObject({ sequence: 1, renewed: true, holdsOffMs: 0 });
    expect((await lease()) > before).toBe(true);
  });

  test('is refused with the field that is wrong', async () => {
    const scripted = worker(await startCoordinator(), { slots: 0, workerId: 'a b' });
    await expect(scripted.register()).rejects.toThrow();
    const end = await scripted.ended;
    expect(end.code).toBe(status.INVALID_ARGUMENT);
    expect(end.details).toContain('register.slots');
    expect(end.details).toContain('register.worker_id');
  });

  test('must begin with Register', async () => {
    const scripted = worker(await startCoordinator());
    scripted.send({ kind: 'heartbeat', sequence: 1 });
    expect(await scripted.ended).toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  test('of a second process with the same id is refused, and the first goes on', async () => {
    const coordinator = await startCoordinator();
    const first = await registered(coordinator, { workerId: 'twin' });
    const second = worker(coordinator, { workerId: 'twin' });
    await expect(second.register()).rejects.toThrow('in use');
    expect(await second.ended).toMatchObject({ code: status.ALREADY_EXISTS });
    expect(await first.next('heartbeat_ack')).toMatchObject({ renewed: true });
  });

  test('survives reports that make no sense', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submit();
    const [attempt] = await scripted.attempts(1);
    scripted.reportStarted({ taskId: 'nonsense', attempt: 1 }, { taskId: randomUUID(), attempt: 4_000_000_000 });
    scripted.send({
      kind: 'report',
      started: [],
      finished: [
        {
          ref: attempt!.ref,
          startedAgeUs: null,
          endedAgeUs: 9e15,
          result: { reason: 'exited', exitCode: 999, signal: null, error: 'a\0b' },
          output: [{ ...written('does not add up'), segments: [-3, 1] }],
          usage: { cpuMs: 9e18, peakMemoryBytes: 9e18 },
        },
      ],
    });
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref] });
    expect(await until(id, { state: 'failed' })).toMatchObject({
      reason: 'spawn_error',
      exit_code: null,
      cpu_ms: null,
    });
    expect(await storedOutput(id)).toBe('');
  });

  test('records no start of what never started', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submit();
    const [attempt] = await scripted.attempts(1);
    const result = { reason: 'spawn_error', exitCode: null, signal: null, error: 'no such thing' } as const;
    const usage = { cpuMs: null, peakMemoryBytes: null };
    const report = { ref: attempt!.ref, startedAgeUs: null, endedAgeUs: 10, result, output: [], usage };
    scripted.send({ kind: 'report', started: [], finished: [report] });
    await scripted.next('acknowledge');
    const row = await storedTask(database.pool, id);
    expect(row).toMatchObject({ state: 'failed', reason: 'spawn_error', started_at: null });
    expect(row.failed_at! >= row.picked_at!).toBe(true);
  });
});

describe('dispatching', () => {
  test('goes round robin over free slots, and never beyond them', async () => {
    const coordinator = await startCoordinator();
    const pair = [await registered(coordinator, { slots: 2 }), await registered(coordinator, { slots: 2 })];
    const ids = await Promise.all(Array.from({ length: 6 }, () => submit()));
    const got = await Promise.all(pair.map((scripted) => scripted.attempts(2)));
    expect(got.map((attempts) => attempts.length)).toEqual([2, 2]);
    const waiting = ids.filter((id) => !got.flat().some((attempt) => attempt.ref.taskId === id));
    expect(waiting).toHaveLength(2);
    for (const id of waiting) expect(await storedTask(database.pool, id)).toMatchObject({ state: 'scheduled' });
    // A freed slot is filled at once.
    pair[0]!.reportFinished(got[0]![0]!.ref);
    const [next] = await pair[0]!.attempts(1);
    expect(waiting).toContain(next!.ref.taskId);
  });

  test('respects queues and labels', async () => {
    const coordinator = await startCoordinator();
    const gpu = await registered(coordinator, { slots: 9, queues: ['gpu'], labels: { region: 'eu', type: 'a100' } });
    const plain = await registered(coordinator, { slots: 9, queues: ['default'] });
    const forGpu = await submit({ queue: 'gpu', labels: { region: 'eu' } });
    const forNobody = await submit({ queue: 'gpu', labels: { region: 'us' } });
    const forPlain = await submit();
    expect((await gpu.attempts(1))[0]!.ref.taskId).toBe(forGpu);
    expect((await plain.attempts(1))[0]!.ref.taskId).toBe(forPlain);
    expect(await storedTask(database.pool, forNobody)).toMatchObject({ state: 'scheduled', attempt: 0 });
  });

  test('takes the higher priority first, then what is longer due', async () => {
    const coordinator = await startCoordinator();
    const low = await submit({ priority: -1, dueInMs: -9000 });
    const late = await submit({ dueInMs: -10 });
    const early = await submit({ dueInMs: -5000 });
    const high = await submit({ priority: 5 });
    const scripted = await registered(coordinator);
    const order = [];
    for (let i = 0; i < 4; i++) {
      const [attempt] = await scripted.attempts(1);
      order.push(attempt!.ref.taskId);
      scripted.reportFinished(attempt!.ref);
    }
    expect(order).toEqual([high, early, late, low]);
  });

  test('waits for the instant of a task claimed ahead, and is not early', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator, { slots: 4 });
    const id = await submit({ dueInMs: 700 });
    await until(id, { state: 'picked' });
    expect(scripted.pending('dispatch')).toEqual([]);
    await scripted.attempts(1);
    const { rows } = await database.pool.query<{ early: boolean }>(
      'SELECT clock_timestamp() < due_at AS early FROM tasks',
    );
    expect(rows[0]!.early).toBe(false);
  });

  test.each(['0', '300'])('is on time with HYDRA_LOOKAHEAD_MS=%s and slow polling', async (lookahead) => {
    const coordinator = await startCoordinator({ HYDRA_LOOKAHEAD_MS: lookahead, HYDRA_POLL_MS: '10000' });
    const scripted = await registered(coordinator);
    const id = await submit({ dueInMs: 600 });
    const [attempt] = await scripted.attempts(1);
    expect(attempt!.ref.taskId).toBe(id);
    const { rows } = await database.pool.query<{ late_ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp() - due_at)::float8 * 1000 AS late_ms FROM tasks',
    );
    // Polling alone would have taken ten seconds.
    expect(rows[0]!.late_ms).toBeGreaterThanOrEqual(0);
    expect(rows[0]!.late_ms).toBeLessThan(5_000);
  });

  test('gives way to a coordinator with free slots', async () => {
    const busy = await startCoordinator();
    const full = await registered(busy);
    const running = await submit();
    await full.attempts(1);
    // Claimed ahead by the only coordinator with a worker, whose slot is then taken for long.
    const ahead = await submit({ dueInMs: 400 });
    await until(ahead, { state: 'picked', coordinator_id: busy.id });
    const free = await startCoordinator();
    const idle = await registered(free);
    const [attempt] = await idle.attempts(1);
    expect(attempt!.ref).toEqual({ taskId: ahead, attempt: 1 });
    expect(await storedTask(database.pool, running)).toMatchObject({ coordinator_id: busy.id });
  });
});

describe('losing and resuming', () => {
  test('a worker that vanishes is unregistered when its lease ends, and its tasks run elsewhere', async () => {
    const coordinator = await startCoordinator();
    const doomed = await registered(coordinator, { slots: 2 });
    const [started, unheard] = [await submit(), await submit()];
    const attempts = await doomed.attempts(2);
    doomed.reportStarted(attempts.find((a) => a.ref.taskId === started)!.ref);
    await until(started, { state: 'running' });
    doomed.vanish();
    const heir = await registered(coordinator, { slots: 2 });
    const rerun = await heir.attempts(2);
    expect(new Set(rerun.map((a) => a.ref.taskId))).toEqual(new Set([started, unheard]));
    expect(rerun.map((a) => a.ref.attempt)).toEqual([2, 2]);
    const { rows } = await database.pool.query<{ id: string }>('SELECT id FROM workers');
    expect(rows).toEqual([{ id: heir.registration.workerId }]);
    const past = await database.pool.query<{ reason: string }>('SELECT reason FROM past_attempts');
    expect(past.rows).toEqual([{ reason: 'worker_lost' }, { reason: 'worker_lost' }]);
    // The old worker comes back with what it has in hand, and learns that it is not its own.
    const ghost = again(
      doomed,
      coordinator,
      attempts.map(({ ref }) => ({ ref, startedAgeUs: 5_000_000 })),
    );
    const { superseded } = await ghost.register();
    expect(superseded).toEqual(expect.arrayContaining(attempts.map((a) => a.ref)));
  });

  test('a worker that hangs is unregistered, its session ended, and its tasks run elsewhere', async () => {
    const coordinator = await startCoordinator();
    const hanging = await registered(coordinator);
    const id = await submit();
    const [attempt] = await hanging.attempts(1);
    hanging.reportStarted(attempt!.ref);
    await until(id, { state: 'running' });
    hanging.hang();
    const heir = await registered(coordinator);
    expect((await heir.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await hanging.ended).toMatchObject({ code: status.ABORTED });
  });

  test('a worker that reconnects keeps what it runs; what it never received goes to others at once', async () => {
    const coordinator = await startCoordinator({ HYDRA_LEASE_MS: '60000' });
    const before = await registered(coordinator, { slots: 2 });
    const ids = [await submit(), await submit()];
    const attempts = await before.attempts(2);
    const kept = attempts.find((a) => a.ref.taskId === ids[0])!.ref;
    before.vanish();
    const after = again(before, coordinator, [{ ref: kept, startedAgeUs: 1_000 }]);
    expect(await after.register()).toMatchObject({ superseded: [] });
    // The lease is not waited for. The lost frame may still be on its way somewhere, so its number is spent.
    expect((await after.attempts(1))[0]!.ref).toEqual({ taskId: ids[1], attempt: 2 });
    after.reportFinished(kept);
    expect(await after.next('acknowledge')).toMatchObject({ recorded: [kept] });
    expect(await storedTask(database.pool, ids[0]!)).toMatchObject({ state: 'completed', attempt: 1 });
  });

  test('a worker moves to another coordinator when its own is gone, and keeps what it runs', async () => {
    const first = await startCoordinator();
    const second = await startCoordinator();
    const before = await registered(first, { slots: 2 });
    const [kept, unheard] = [await submit(), await submit()];
    const attempts = await before.attempts(2);
    const ref = attempts.find((a) => a.ref.taskId === kept)!.ref;
    await first.stop();
    expect(await before.ended).toMatchObject({ code: status.UNAVAILABLE });
    const after = again(before, second, [{ ref, startedAgeUs: 1_000 }]);
    expect(await after.register()).toMatchObject({ superseded: [] });
    expect(await storedTask(database.pool, kept)).toMatchObject({ state: 'running', coordinator_id: second.id });
    // What the first had sent and the worker did not get is taken back by whoever reaps the first.
    const [taken] = await after.attempts(1);
    expect(taken!.ref.taskId).toBe(unheard);
  });

  test('what is still claimed when a coordinator stops goes back untouched', async () => {
    const first = await startCoordinator();
    await registered(first);
    const id = await submit({ dueInMs: 20_000 });
    await until(id, { state: 'picked' });
    await first.stop();
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'scheduled', attempt: 0, lost_attempts: 0 });
  });

  test('a result is recorded once, however often it is reported', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submit();
    const [attempt] = await scripted.attempts(1);
    scripted.reportFinished(attempt!.ref, 3);
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref] });
    scripted.reportFinished(attempt!.ref, 0);
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [], superseded: [attempt!.ref] });
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'failed', exit_code: 3 });
  });
});
