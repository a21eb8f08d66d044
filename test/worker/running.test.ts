import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { attemptOf, metric, registeredPair } from './support/test-worker.ts';

/** pino's number. */
const WARN = 40;

describe('running', () => {
  test('a command is started, ended and reported with what it wrote, and the ages are in order', async () => {
    const { session, worker } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`echo out; echo err >&2; ${gate.wait}; exit 3`);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    expect(await metric(worker, 'hydra_worker_running')).toBe(1);
    gate.pass();
    const report = await session.finished(attempt.ref);
    expect(report).toMatchObject({
      ref: attempt.ref,
      result: { reason: 'exited', exitCode: 3, signal: null, error: null },
      stdout: { head: Buffer.from('out\n'), totalBytes: 4 },
      stderr: { head: Buffer.from('err\n'), totalBytes: 4 },
    });
    expect(report.startedAgeUs).toBeGreaterThanOrEqual(report.endedAgeUs);
    expect(await metric(worker, 'hydra_worker_running')).toBe(0);
    expect(await metric(worker, 'hydra_worker_unacknowledged_results')).toBe(1);
    session.acknowledge(attempt.ref);
    await expect.poll(() => metric(worker, 'hydra_worker_unacknowledged_results')).toBe(0);
    expect(await metric(worker, 'hydra_worker_attempts_total')).toBe(1);
  });

  test('what cannot be started is reported as never started', async () => {
    const { session } = await registeredPair({}, { PATH: '/nonexistent' });
    const report = await session.run(attemptOf('true'));
    expect(report).toMatchObject({
      startedAgeUs: null,
      result: { reason: 'spawn_error', exitCode: null, signal: null },
    });
    expect(report.result.error).toMatch(/^sh could not be started: /);
  });

  test('the command sees who it is and none of the worker’s secrets', async () => {
    const { session, workerId } = await registeredPair(
      {},
      {
        DATABASE_URL: 'postgres://u:secret@h/d',
        POSTGRES_PASSWORD: 'secret',
        PGPASSWORD: 'secret',
        HYDRA_TOKEN: 'secret',
        NODE_CHANNEL_FD: '3',
        MINE: 'kept',
      },
    );
    const attempt = { ...attemptOf('env'), queue: 'mail', scheduledAtUs: Date.UTC(2030, 0, 1) * 1_000 };
    const { stdout } = await session.run(attempt);
    const lines = stdout.head.toString().trim().split('\n');
    expect(lines.filter((line) => line.startsWith('HYDRA_')).sort()).toEqual([
      'HYDRA_ATTEMPT=1',
      'HYDRA_QUEUE=mail',
      'HYDRA_SCHEDULED_AT=2030-01-01T00:00:00.000Z',
      `HYDRA_TASK_ID=${attempt.ref.taskId}`,
      `HYDRA_WORKER_ID=${workerId}`,
    ]);
    expect(lines).toContain('MINE=kept');
    expect(stdout.head.toString()).not.toMatch(/secret|DATABASE_URL|NODE_CHANNEL/);
  });

  test('the cap is the configured one', async () => {
    const { session } = await registeredPair({}, { HYDRA_OUTPUT_CAP_BYTES: '5' });
    const { stdout } = await session.run(attemptOf('printf 123456789'));
    expect(stdout).toEqual({ head: Buffer.from('12345'), totalBytes: 9 });
  });

  test('an attempt that is in hand is not run twice', async () => {
    const { session, worker } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`echo run; ${gate.wait}`);
    session.dispatch(attempt, attempt);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    gate.pass();
    await session.finished(attempt.ref);
    session.dispatch(attempt); // ended and not acknowledged: still in hand
    session.acknowledge(attempt.ref);
    await session.run(attemptOf('true'));
    expect(await metric(worker, 'hydra_worker_attempts_total')).toBe(2);
  });

  test('more than there are slots is run, with a warning, rather than lost', async () => {
    const { session, logged } = await registeredPair({}, { HYDRA_SLOTS: '1' });
    const gate = new Gate();
    const [first, second] = [attemptOf(gate.wait), attemptOf(gate.wait)];
    session.dispatch(first, second);
    gate.pass(2);
    await Promise.all([session.finished(first.ref), session.finished(second.ref)]);
    expect(logged.filter(({ level }) => level === WARN).map(({ msg }) => msg)).toEqual([
      'more was dispatched than there are slots; running it',
    ]);
  });

  test('a message of a newer version is ignored', async () => {
    const { session } = await registeredPair();
    session.send({ kind: 'unknown' });
    const { result } = await session.run(attemptOf('exit 0'));
    expect(result.exitCode).toBe(0);
  });
});

describe('results', () => {
  test('are kept and sent again until they are acknowledged, and the ages grow', async () => {
    const { coordinator, session } = await registeredPair();
    const attempt = attemptOf('echo kept; exit 7');
    session.dispatch(attempt);
    const first = await session.finished(attempt.ref);
    session.refuse(status.UNAVAILABLE);

    const second = await coordinator.session(2);
    const registration = await second.accept();
    expect(registration.inHand.map(({ ref }) => ref)).toEqual([attempt.ref]);
    const again = await second.finished(attempt.ref);
    expect({ ...again, startedAgeUs: 0, endedAgeUs: 0 }).toEqual({ ...first, startedAgeUs: 0, endedAgeUs: 0 });
    expect(again.endedAgeUs).toBeGreaterThan(first.endedAgeUs);
    // The time it ran is the same in both.
    expect((again.startedAgeUs ?? 0) - again.endedAgeUs).toBeCloseTo((first.startedAgeUs ?? 0) - first.endedAgeUs, -1);
    second.acknowledge(attempt.ref);
    await second.run(attemptOf('true')); // the acknowledgement before it is read by then
    second.refuse(status.UNAVAILABLE);

    const third = await coordinator.session(3);
    expect((await third.accept()).inHand).toEqual([]);
  });

  test('of commands that end while there is no connection arrive in the next session', async () => {
    const { coordinator, session, worker } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`${gate.wait}; exit 5`);
    session.dispatch(attempt);
    await session.started(attempt.ref);
    session.refuse(status.UNAVAILABLE);
    const next = await coordinator.session(2);
    await next.heard('register'); // and let it wait
    gate.pass();
    await expect.poll(() => metric(worker, 'hydra_worker_unacknowledged_results')).toBe(1);
    const { inHand } = await next.accept();
    expect(inHand).toEqual([{ ref: attempt.ref, startedAgeUs: expect.any(Number) as number }]);
    expect((await next.finished(attempt.ref)).result.exitCode).toBe(5);
  });

  test('wait while the coordinator does not read, and then share frames of 1 MiB', async () => {
    const { session, worker } = await registeredPair({}, { HYDRA_SLOTS: '160' });
    const attempts = Array.from({ length: 160 }, () => attemptOf('head -c 65536 /dev/zero'));
    session.read(false);
    session.dispatch(...attempts);
    await expect
      .poll(() => metric(worker, 'hydra_worker_unacknowledged_results'), { timeout: 40_000 })
      .toBe(attempts.length);
    session.read(true);
    const reports = await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
    expect(reports.every(({ stdout }) => stdout.head.length === 65_536)).toBe(true);
    // 10 MiB in all, of which the connection itself holds the first few.
    const frames = session.said.filter((message) => message.kind === 'report' && message.finished.length === 16);
    expect(frames.length).toBeGreaterThanOrEqual(5);
  });

  test('that nobody waits for are dropped', async () => {
    const { coordinator, session } = await registeredPair();
    const [acknowledged, lost] = [attemptOf('true'), attemptOf('true')];
    session.dispatch(acknowledged, lost);
    await Promise.all([session.finished(acknowledged.ref), session.finished(lost.ref)]);
    session.send({ kind: 'acknowledge', recorded: [], superseded: [acknowledged.ref] });
    await session.run(attemptOf('true'));
    session.refuse(status.ABORTED);
    const next = await coordinator.session(2);
    const { inHand } = await next.accept({ superseded: [lost.ref] });
    expect(inHand.map(({ ref }) => ref)).toEqual([lost.ref]);
    await next.run(attemptOf('true'));
    const reported = next.said.flatMap((m) => (m.kind === 'report' ? m.finished : [])).map(({ ref }) => ref);
    expect(reported).not.toContainEqual(lost.ref);
  });
});
