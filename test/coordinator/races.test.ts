import { describe, expect, onTestFinished, test } from 'vitest';
import { linkTo } from '../support/link-to.ts';
import { seedTask, storedTask } from '../support/tasks.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { untilBlocked } from '../db/support/blocked.ts';
import { askStanding, untilRenewing } from './support/ask-standing.ts';
import { again, database, registered, startCoordinator, submit, until, worker } from './support/fixture.ts';
import type { ScriptedWorker } from './support/scripted-worker.ts';

/** Whatever takes longer has failed. */
const SOON = { timeout: 30_000 };

/* Each of these lost a task, or ran one twice, before the order of two steps was put right. */

const POLLS_LATE = { HYDRA_POLL_MS: '10000', HYDRA_LEASE_MS: '15000' };

async function leaseUntilMs({ registration }: ScriptedWorker): Promise<number> {
  const { rows } = await database.pool.query<{ ms: number }>(
    'SELECT extract(epoch FROM lease_until)::float8 * 1000 AS ms FROM workers WHERE id = $1',
    [registration.workerId],
  );
  return rows[0]!.ms;
}

/** How much longer the lease of the second lasts, in milliseconds. */
async function leaseBetween(first: ScriptedWorker, second: ScriptedWorker): Promise<number> {
  return (await leaseUntilMs(second)) - (await leaseUntilMs(first));
}

/** Milliseconds; PostgreSQL runs on this machine, and by its clock. */
async function leftOfLease(scripted: ScriptedWorker): Promise<number> {
  return (await leaseUntilMs(scripted)) - Date.now();
}

async function untilReaped({ registration }: ScriptedWorker): Promise<void> {
  const sql = 'SELECT FROM workers WHERE id = $1';
  const known = async () => (await database.pool.query(sql, [registration.workerId])).rowCount;
  await expect.poll(known, SOON).toBe(0);
}

/** Fills the only slot of a new worker, and then claims a task ahead for it that is due before the slot is free. */
async function withTaskInLine(env: Record<string, string> = {}) {
  const coordinator = await startCoordinator(env);
  const busy = await registered(coordinator, { workerId: 'busy' });
  await submit();
  const [running] = await busy.attempts(1);
  const inLine = await submit({ dueInMs: 300 });
  await until(inLine, { state: 'picked' });
  return { coordinator, busy, running: running!.ref, inLine };
}

describe('a session', () => {
  test('hears Registered before anything is sent to it', async () => {
    const { coordinator, inLine } = await withTaskInLine();
    await new Promise((resolve) => setTimeout(resolve, 400)); // until it is due and waits for a slot
    const joining = worker(coordinator);
    await joining.register();
    const [attempt] = await joining.attempts(1);
    expect(attempt!.ref.taskId).toBe(inLine);
    expect(joining.heard.slice(0, 2)).toEqual(['registered', 'dispatch']);
  });

  test('that says Goodbye and half-closes gives back what crossed it once', async () => {
    const coordinator = await startCoordinator({ HYDRA_LEASE_MS: '15000' });
    const leaving = await registered(coordinator);
    const id = await submit();
    await leaving.attempts(1);
    leaving.leave();
    await leaving.ended;
    const heir = await registered(coordinator);
    expect((await heir.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    // Each registration makes the coordinator settle what sessions have left behind.
    const others = [await registered(coordinator), await registered(coordinator)];
    heir.reportFinished({ taskId: id, attempt: 2 });
    expect(await heir.next('acknowledge')).toMatchObject({ recorded: [{ taskId: id, attempt: 2 }] });
    expect(others.flatMap((other) => other.pending('dispatch'))).toEqual([]);
  });

  test('is sent many long commands in several frames', async () => {
    const coordinator = await startCoordinator({ HYDRA_LEASE_MS: '15000' });
    const command = `true #${'x'.repeat(100_000)}`;
    await Promise.all(Array.from({ length: 200 }, () => submit({ command })));
    const scripted = await registered(coordinator, { slots: 200 });
    const attempts = await scripted.attempts(200);
    expect(new Set(attempts.map(({ ref }) => ref.taskId)).size).toBe(200);
  });
});

describe('an attempt', () => {
  test('that crossed the end of its session goes back at once when its worker registers elsewhere', async () => {
    const long = { HYDRA_LEASE_MS: '60000' };
    const [first, second] = [await startCoordinator(long), await startCoordinator(long)];
    const before = await registered(first);
    const id = await submit({ retryLost: false });
    await before.attempts(1);
    before.vanish();
    // The first one looks at once, and finds that the worker is not back yet.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const after = again(before, second);
    await after.register();
    const comeAtMs = performance.now();
    expect((await after.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    // The next look would otherwise be 20 s away.
    expect(performance.now() - comeAtMs).toBeLessThan(5_000);
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0 });
  });

  test('that was sent to a process which died counts as lost when another one with its id comes', async () => {
    const coordinator = await startCoordinator();
    const before = await registered(coordinator, { workerId: 'phoenix' });
    const id = await submit({ retryLost: false });
    await before.attempts(1);
    before.vanish();
    for (;;) {
      const after = worker(coordinator, { workerId: 'phoenix' });
      const came = await after.register().then(
        () => true,
        () => false, // the id is in use
      );
      if (came) break;
    }
    expect(await until(id, { state: 'failed' })).toMatchObject({ attempt: 1, reason: 'worker_lost' });
  });

  test('whose start is recorded when its worker has already come back without it is lost', async () => {
    const coordinator = await startCoordinator();
    const scripted = await registered(coordinator);
    const id = await submit({ dueInMs: 60_000 });
    const sql = `UPDATE tasks SET state = 'running', attempt = 1, picked_at = now(), started_at = now(),
      coordinator_id = $2, worker_id = $3 WHERE id = $1`;
    await database.pool.query(sql, [id, coordinator.id, scripted.registration.workerId]);
    await until(id, { state: 'scheduled', lost_attempts: 1 });
  });
});

describe('a statement that reaps and arrives late', () => {
  /** A coordinator whose statements can be held back, and a worker of it that was sent a task. */
  async function withTask() {
    const proxy = new TcpProxy(new URL(database.url));
    const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start() });
    onTestFinished(() => proxy.stop());
    const before = await registered(coordinator);
    const id = await submit();
    const [attempt] = await before.attempts(1);
    return { before, coordinator, id, proxy, ref: attempt!.ref };
  }

  /** The worker comes back with the task, then the statement arrives; whatever is to be reaped is, soon after. */
  async function comeBack(parts: Awaited<ReturnType<typeof withTask>>, letGo: () => void) {
    const { before, coordinator, id, ref } = parts;
    const after = again(before, coordinator, [{ ref, startedAgeUs: 5_000 }]);
    expect(await after.register()).toMatchObject({ superseded: [] });
    letGo();
    const doomed = await registered(coordinator);
    doomed.vanish();
    await untilReaped(doomed);
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'running', attempt: 1, lost_attempts: 0 });
    after.reportFinished(ref);
    expect(await after.next('acknowledge')).toMatchObject({ recorded: [ref] });
  }

  test('takes nothing from a worker that has come back', async () => {
    const parts = await withTask();
    parts.before.reportStarted(parts.ref);
    await until(parts.id, { state: 'running' });
    const held = parts.proxy.holdBack((sent) => sent.includes('DELETE FROM workers'));
    parts.before.hang();
    await comeBack(parts, await held);
  });

  test('takes nothing that its worker has named since', async () => {
    const parts = await withTask();
    const held = parts.proxy.holdBack((sent) => sent.includes('AS sent (id, attempt)'));
    parts.before.vanish();
    await comeBack(parts, await held);
  });

  test('takes nothing whose lease had not ended when it was sent: by then its coordinator may hold off', async () => {
    const env = { HYDRA_LEASE_MS: '5000' };
    const proxy = new TcpProxy(new URL(database.url));
    const late = await startCoordinator({ ...env, DATABASE_URL: await proxy.start() });
    const { link, url } = await linkTo(database.url);
    const other = await startCoordinator({ ...env, DATABASE_URL: url });
    onTestFinished(async () => {
      link.close();
      await proxy.stop();
    });
    const kept = await registered(other);
    const id = await submit();
    const [attempt] = await kept.attempts(1);
    kept.reportStarted(attempt!.ref);
    await until(id, { state: 'running' });
    const doomed = await registered(late);
    const held = proxy.holdBack((sent) => sent.includes('DELETE FROM workers'));
    doomed.vanish();
    // Until here both can reach PostgreSQL, and the one that is kept has the longer lease by 1.5 s.
    await expect.poll(() => leaseBetween(doomed, kept), { timeout: 30_000, interval: 20 }).toBeGreaterThan(1_500);
    link.break({ kind: 'stall', direction: 'both' });
    const letGo = await held;
    expect(await leftOfLease(kept)).toBeGreaterThan(0);
    proxy.holdAnswerTo((sent) => sent.includes('renew-leases'));
    await expect.poll(() => askStanding(late), SOON).toMatchObject({ renewing: false });
    expect(await askStanding(other)).toMatchObject({ renewing: false });
    await expect.poll(() => leftOfLease(kept), { timeout: 30_000, interval: 20 }).toBeLessThan(0);
    letGo();
    await untilReaped(doomed);
    expect(await storedTask(database.pool, id)).toMatchObject({ state: 'running', attempt: 1 });
    proxy.letGo();
    link.mend();
    await kept.heartbeatAck(true);
    kept.reportFinished(attempt!.ref);
    expect(await kept.next('acknowledge')).toMatchObject({ recorded: [attempt!.ref] });
    expect(await storedTask(database.pool, id)).toMatchObject({ attempt: 1, lost_attempts: 0 });
  });
});

describe('a claim', () => {
  test('whose answer is lost is given up and claimed again', async () => {
    const proxy = new TcpProxy(new URL(database.url));
    onTestFinished(() => proxy.stop());
    const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start() });
    const scripted = await registered(coordinator);
    proxy.loseAnswerTo((sent) => sent.includes('claim-due-tasks'));
    const id = await submit();
    expect((await scripted.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
  });

  test('whose answer comes when others had removed its coordinator meanwhile is not dispatched', async () => {
    const proxy = new TcpProxy(new URL(database.url));
    const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start(), HYDRA_LEASE_MS: '15000' });
    onTestFinished(() => proxy.stop());
    const scripted = await registered(coordinator);
    proxy.holdAnswerTo((sent) => sent.includes('claim-due-tasks'));
    const id = await submit();
    await until(id, { state: 'picked' });
    // As after a lease during which it was halted.
    await database.pool.query('DELETE FROM coordinators');
    await untilRenewing(coordinator); // it has heard of that
    proxy.letGo();
    expect((await scripted.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 2 });
    expect(await storedTask(database.pool, id)).toMatchObject({ lost_attempts: 0 });
  });

  test('goes back when whoever could have run it has left', async () => {
    const [first, second] = [await startCoordinator(), await startCoordinator()];
    const before = await registered(first);
    const id = await submit({ dueInMs: 1_500 });
    await until(id, { state: 'picked', coordinator_id: first.id });
    before.vanish();
    const after = again(before, second);
    await after.register();
    expect((await after.attempts(1))[0]!.ref).toEqual({ taskId: id, attempt: 1 });
  });

  test('that is being offered to others is not dispatched meanwhile', async () => {
    const { busy, inLine, running } = await withTaskInLine();
    const other = await startCoordinator();
    const lock = await database.pool.connect();
    await lock.query('BEGIN');
    await lock.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [inLine]);
    const idle = await registered(other);
    await untilBlocked(database.pool); // by the offer
    busy.reportFinished(running);
    await busy.next('acknowledge');
    await lock.query('COMMIT');
    lock.release();
    // Either may have it now that both have room, but not both.
    const sent = () => [busy, idle].filter((scripted) => scripted.pending('dispatch').length > 0);
    while (sent().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const holder = sent()[0]!;
    const [attempt] = await holder.attempts(1);
    expect(attempt!.ref).toEqual({ taskId: inLine, attempt: 1 });
    holder.reportStarted(attempt!.ref);
    await until(inLine, { state: 'running', worker_id: holder.registration.workerId });
    expect(sent()).toEqual([]);
  });

  test('that falls due with every slot taken is offered to others soon, however far the next poll is', async () => {
    const [first, second] = [await startCoordinator(POLLS_LATE), await startCoordinator(POLLS_LATE)];
    const busy = await registered(first, { slots: 2 });
    await Promise.all([submit(), submit()]);
    await busy.attempts(2);
    // There is room for another one ahead, so that this coordinator does not look again when a slot may be free.
    const id = await submit({ dueInMs: 1_500 });
    await until(id, { state: 'picked', coordinator_id: first.id });
    const idle = await registered(second);
    const [attempt] = await idle.attempts(1);
    expect(attempt!.ref.taskId).toBe(id);
    expect(attempt!.lateUs).toBeLessThan(4_000_000);
  });

  test('ahead of time is not made while what is claimed takes much memory, and due tasks do not wait for that', async () => {
    await Promise.all(Array.from({ length: 40 }, () => seedTask(database.pool, { dueInMs: 20_000 })));
    await database.pool.query('UPDATE tasks SET run_bytes = $1', [4 * 1024 * 1024]);
    const scripted = await registered(await startCoordinator(), { slots: 100 });
    const small = await submit({ dueInMs: 200 });
    expect((await scripted.attempts(1))[0]!.ref.taskId).toBe(small);
    const claimed = async () => {
      const { rows } = await database.pool.query<{ id: string }>(`SELECT id FROM tasks WHERE state = 'picked'`);
      return rows.filter(({ id }) => id !== small).length;
    };
    while ((await claimed()) < 16) await new Promise((resolve) => setTimeout(resolve, 10));
    const due = await submit();
    expect((await scripted.attempts(1))[0]!.ref.taskId).toBe(due);
    expect(await claimed()).toBe(17);
  });

  test('behind a full look-ahead starts at its instant', async () => {
    const coordinator = await startCoordinator({ HYDRA_POLL_MS: '10000' });
    const scripted = await registered(coordinator);
    const far = await submit({ dueInMs: 25_000 });
    await until(far, { state: 'picked' });
    const near = await submit({ dueInMs: 500 });
    expect((await scripted.attempts(1))[0]!.ref.taskId).toBe(near);
    const { rows } = await database.pool.query<{ late_ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp() - due_at)::float8 * 1000 AS late_ms FROM tasks WHERE id = $1',
      [near],
    );
    // Polling alone would have taken ten seconds.
    expect(rows[0]!.late_ms).toBeLessThan(5_000);
    expect(await storedTask(database.pool, far)).toMatchObject({ state: 'picked' });
  });
});
