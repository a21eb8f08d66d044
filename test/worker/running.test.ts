import { readdirSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { SIGNALS } from '../../src/domain/signals.ts';
import { Gate } from './support/gate.ts';
import { processesGone } from './support/processes.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

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
    });
    const written = session.written(attempt.ref);
    expect([written.stdout.toString(), written.stderr.toString()]).toEqual(['out\n', 'err\n']);
    expect(report.startedAgeUs).toBeGreaterThanOrEqual(report.endedAgeUs);
    expect(await metric(worker, 'hydra_worker_running')).toBe(0);
    expect(await metric(worker, 'hydra_worker_unacknowledged_results')).toBe(1);
    session.acknowledge(attempt.ref);
    await expect.poll(() => metric(worker, 'hydra_worker_unacknowledged_results')).toBe(0);
    expect(await metric(worker, 'hydra_worker_attempts_total')).toBe(1);
  });

  test('every exit code arrives', async () => {
    const { session } = await registeredPair({}, { HYDRA_SLOTS: '256' });
    const attempts = Array.from({ length: 256 }, (_, code) => attemptOf(`exit ${code}`));
    session.dispatch(...attempts);
    const reports = await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
    expect(reports.map(({ result }) => result)).toEqual(
      attempts.map((_, exitCode) => ({ reason: 'exited', exitCode, signal: null, error: null })),
    );
  });

  test('so does every signal that ends a command', async () => {
    const harmless = ['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH'];
    const deadly = SIGNALS.filter((signal) => !harmless.includes(signal));
    const { session } = await registeredPair({}, { HYDRA_SLOTS: '32' });
    const attempts = deadly.map((signal) => attemptOf(`kill -${signal.slice(3)} $$; exit 1`));
    session.dispatch(...attempts);
    const reports = await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
    expect(reports.map(({ result }) => result)).toEqual(
      deadly.map((signal) => ({ reason: 'signalled', exitCode: null, signal, error: null })),
    );
    const calm = attemptOf('kill -CHLD $$; kill -CONT $$; kill -URG $$; kill -WINCH $$; exit 5');
    expect((await session.run(calm)).result).toMatchObject({ reason: 'exited', exitCode: 5 });
  });

  test('a child of sh that a signal ended is an exit code, as sh says it', async () => {
    const { session } = await registeredPair();
    const { result } = await session.run(attemptOf("sh -c 'kill -KILL $$'; exit $?"));
    expect(result).toEqual({ reason: 'exited', exitCode: 137, signal: null, error: null });
  });

  test('what is longer than the others is measured', async () => {
    const { session } = await registeredPair();
    const { usage } = await session.run(attemptOf('i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'));
    expect(usage.cpuMs).toBeGreaterThan(10);
    expect(usage.peakMemoryBytes).toBeGreaterThan(100_000);
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

  test('however they end, commands leave no descriptor of the worker open', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const { session, coordinator, worker } = await registeredPair({}, { HYDRA_SLOTS: '16' });
    const kinds = [
      () => attemptOf('echo out; echo err >&2'),
      () => attemptOf('exit 3', { merge_stderr: true }),
      () => attemptOf('cat', {}, { hasStdin: true }),
      () => attemptOf('exec >&- 2>&-'),
      () => attemptOf('true', { cwd: '/nonexistent' }),
      () => attemptOf('true', { env: { LONG: 'x'.repeat(200_000) } }),
      () => ({ ...attemptOf('true'), totalTimeoutLeftMs: 0 }),
      () => attemptOf('sleep 600', { timeout_ms: 10, grace_ms: 0 }),
    ];
    for (let round = 0; round < 10; round += 1) {
      const attempts = kinds.map((make) => make());
      for (const { ref } of attempts) coordinator.stdin.set(ref.taskId, Buffer.from('in'));
      session.dispatch(...attempts);
      await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
      session.acknowledge(...attempts.map(({ ref }) => ref));
    }
    await worker.kill();
    coordinator.stop();
    await expect.poll(open).toBeLessThan(before + 5);
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

  test('wait while the coordinator does not read, and then share frames', async () => {
    const { session, worker } = await registeredPair({}, { HYDRA_SLOTS: '130' });
    const attempts = Array.from({ length: 130 }, () => attemptOf('head -c 60000 /dev/zero'));
    session.read(false);
    session.dispatch(...attempts);
    // But for those, under load, that wrote a while before they ended: what they wrote is to be taken first.
    await expect
      .poll(() => metric(worker, 'hydra_worker_unacknowledged_results'), { timeout: 40_000 })
      .toBeGreaterThan(80);
    session.read(true);
    await Promise.all(attempts.map(({ ref }) => session.finished(ref)));
    expect(attempts.every(({ ref }) => session.written(ref).stdout.length === 60_000)).toBe(true);
    // 7.8 MB in all, of which the connection itself holds the first few.
    const frames = session.said.filter((message) => message.kind === 'report' && message.finished.length === 4);
    expect(frames.length).toBeGreaterThanOrEqual(10);
  });

  test('come after all that was written before, however late that is taken', async () => {
    const { session, worker } = await registeredPair();
    session.takesOutput = false;
    const attempt = attemptOf('seq 50000; exit 3');
    session.dispatch(attempt);
    const first = await session.heard('output');
    expect(await metric(worker, 'hydra_worker_running')).toBe(1);
    session.takesOutput = true;
    session.send({
      kind: 'output_ack',
      stored: session.said
        .flatMap((m) => (m.kind === 'output' ? m.chunks : []))
        .map(({ ref, start }) => ({ ref, start })),
      superseded: [],
    });
    expect(first.chunks[0]?.start).toBe(0);
    expect((await session.finished(attempt.ref)).result.exitCode).toBe(3);
    expect(session.written(attempt.ref).text).toBe(Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join(''));
  });

  test('of which the output is not wanted are dropped, and what runs is killed', async () => {
    const { session } = await registeredPair();
    session.takesOutput = false;
    const attempt = attemptOf('seq 50000; sleep 600');
    session.dispatch(attempt);
    await session.heard('output');
    session.send({ kind: 'output_ack', stored: [], superseded: [attempt.ref] });
    await processesGone(markOf(attempt.ref));
    await session.run(attemptOf('true'));
    expect(session.said.flatMap((m) => (m.kind === 'report' ? m.finished : []))).toHaveLength(1);
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
