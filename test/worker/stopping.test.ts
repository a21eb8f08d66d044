import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { processesAppear, processesGone, processesWith } from './support/processes.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

/** Shell text that goes on until a signal ends it. */
const FOREVER = 'while :; do sleep 0.01; done';

describe('timeout', () => {
  test('the whole tree gets the stop signal, and the result says what it was', async () => {
    const { session, worker } = await registeredPair();
    const attempt = attemptOf('sleep 600 & setsid sleep 601 & sleep 602', { timeout_ms: 300 });
    const report = await session.run(attempt);
    expect(report.result).toEqual({
      reason: 'timed_out',
      exitCode: null,
      signal: 'SIGTERM',
      error: 'ran longer than timeout_ms (300 ms)',
    });
    expect((report.startedAgeUs ?? 0) - report.endedAgeUs).toBeGreaterThanOrEqual(300_000);
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
    expect(await metric(worker, 'hydra_worker_stops_total')).toBe(1);
    expect(await metric(worker, 'hydra_worker_kills_total')).toBe(0);
  });

  test('what ignores the signal is killed when the grace period is over', async () => {
    const { session, worker } = await registeredPair();
    const attempt = attemptOf('trap "" TERM INT HUP; sleep 600 & setsid sleep 601 & sleep 602; echo not reached', {
      timeout_ms: 200,
      grace_ms: 300,
    });
    const report = await session.runToEnd(attempt);
    expect(report.result).toMatchObject({ reason: 'timed_out', signal: 'SIGKILL' });
    expect(report.written.text).toBe('');
    expect((report.startedAgeUs ?? 0) - report.endedAgeUs).toBeGreaterThanOrEqual(500_000);
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
    expect(await metric(worker, 'hydra_worker_kills_total')).toBe(1);
  });

  test('without a grace period it is killed at once', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('trap "exit 3" TERM; sleep 600', { timeout_ms: 100, grace_ms: 0 });
    expect((await session.run(attempt)).result).toMatchObject({ reason: 'timed_out', signal: 'SIGKILL' });
  });

  test('what ends by itself in the grace period has timed out all the same, with its exit code', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf(`trap "exit 7" TERM; ${FOREVER}`, { timeout_ms: 300 });
    expect((await session.run(attempt)).result).toMatchObject({ reason: 'timed_out', exitCode: 7, signal: null });
  });

  test('a command that ends before is not bothered', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('exit 4', { timeout_ms: 60_000, warn_signal: 'SIGUSR1', warn_before_ms: 1 });
    expect((await session.run(attempt)).result).toMatchObject({ reason: 'exited', exitCode: 4, error: null });
  });

  test('the stop signal is the one that is asked for', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf(`trap 'echo quit; exit 5' QUIT; ${FOREVER}`, { timeout_ms: 300, stop_signal: 'SIGQUIT' });
    const report = await session.runToEnd(attempt);
    expect(report.result).toMatchObject({ reason: 'timed_out', exitCode: 5 });
    expect(report.written.stdout.toString()).toBe('quit\n');
    const killed = attemptOf(FOREVER, { timeout_ms: 100, stop_signal: 'SIGKILL' });
    expect((await session.run(killed)).result).toMatchObject({ reason: 'timed_out', signal: 'SIGKILL' });
  });

  test('a warning comes before it', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf(`trap 'echo warned' USR1; trap 'echo stopped; exit 0' TERM; echo ready; ${FOREVER}`, {
      timeout_ms: 1_500,
      warn_signal: 'SIGUSR1',
      warn_before_ms: 1_000,
    });
    session.dispatch(attempt);
    await session.wrote(attempt.ref, /warned/);
    expect(session.written(attempt.ref).stdout.toString()).toBe('ready\nwarned\n');
    expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'timed_out', exitCode: 0 });
    expect(session.written(attempt.ref).stdout.toString()).toBe('ready\nwarned\nstopped\n');
  });

  test('a tree has all of its grace period, also when its shell ends at once', async () => {
    const { session } = await registeredPair();
    const child = `(trap 'sleep 0.5; echo tidied; exit' TERM; echo ready; ${FOREVER})`;
    const attempt = attemptOf(`${child} & wait`, { timeout_ms: 400, grace_ms: 20_000 });
    const report = await session.runToEnd(attempt);
    expect(report.result).toMatchObject({ reason: 'timed_out', signal: 'SIGTERM' });
    expect(report.written.stdout.toString()).toBe('ready\ntidied\n');
  });

  test('but not more', async () => {
    const { session } = await registeredPair();
    const child = `(trap '' TERM; echo ready; ${FOREVER})`;
    const attempt = attemptOf(`${child} & wait`, { timeout_ms: 400, grace_ms: 300 });
    const report = await session.run(attempt);
    expect(report.result).toMatchObject({ reason: 'timed_out', signal: 'SIGTERM' });
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
  });

  test('what is halted wakes up to the signal', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('kill -STOP $$', { timeout_ms: 300, grace_ms: 60_000 });
    expect((await session.run(attempt)).result).toMatchObject({ reason: 'timed_out', signal: 'SIGTERM' });
  });
});

describe('the total timeout', () => {
  test('ends an attempt when it is nearer than the attempt’s own', async () => {
    const { session } = await registeredPair();
    const attempt = { ...attemptOf('sleep 600', { timeout_ms: 60_000 }), totalTimeoutLeftMs: 300 };
    expect((await session.run(attempt)).result).toEqual({
      reason: 'timed_out',
      exitCode: null,
      signal: 'SIGTERM',
      error: 'the task took longer than total_timeout_ms',
    });
  });

  test('that is over lets nothing start', async () => {
    const { session } = await registeredPair();
    const report = await session.runToEnd({ ...attemptOf('echo started'), totalTimeoutLeftMs: 0 });
    expect(report).toMatchObject({
      startedAgeUs: null,
      result: { reason: 'timed_out', error: 'the task took longer than total_timeout_ms' },
      written: { text: '' },
    });
  });
});

describe('cancel', () => {
  test('stops the tree and is reported', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('sleep 600 & setsid sleep 601 & sleep 602');
    session.dispatch(attempt);
    await processesAppear(markOf(attempt.ref), 4);
    session.send({ kind: 'cancel', refs: [attempt.ref] });
    const { result } = await session.finished(attempt.ref);
    expect(result).toEqual({ reason: 'cancelled', exitCode: null, signal: 'SIGTERM', error: null });
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
  });

  test('again, it changes nothing: the grace period goes on', async () => {
    const { session, worker } = await registeredPair();
    const attempt = attemptOf(`trap 'sleep 0.5; exit 9' TERM; echo ready; ${FOREVER}`);
    session.dispatch(attempt);
    await session.wrote(attempt.ref, /ready/);
    session.send({ kind: 'cancel', refs: [attempt.ref] });
    session.send({ kind: 'cancel', refs: [attempt.ref, attempt.ref] });
    expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'cancelled', exitCode: 9 });
    expect(await metric(worker, 'hydra_worker_stops_total')).toBe(1);
  });

  test('in the grace period of a timeout is what the result says', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf(`trap 'echo told; sleep 0.5; exit 8' TERM; echo ready; ${FOREVER}`, { timeout_ms: 400 });
    session.dispatch(attempt);
    await session.wrote(attempt.ref, /told/);
    session.send({ kind: 'cancel', refs: [attempt.ref] });
    expect((await session.finished(attempt.ref)).result).toEqual({
      reason: 'cancelled',
      exitCode: 8,
      signal: null,
      error: null,
    });
  });

  test('before the command is started: it never is', async () => {
    const { session } = await registeredPair();
    // To look the user up takes a moment.
    const attempt = attemptOf('echo started', { user: userInfo().username });
    session.dispatch(attempt);
    session.send({ kind: 'cancel', refs: [attempt.ref] });
    expect(await session.finished(attempt.ref)).toMatchObject({
      startedAgeUs: null,
      result: { reason: 'cancelled', exitCode: null, signal: null, error: null },
      output: [],
    });
  });

  test('of what has ended, or is not known here, means nothing', async () => {
    const { session, worker } = await registeredPair();
    const ended = attemptOf('exit 6');
    session.dispatch(ended);
    await session.finished(ended.ref);
    session.send({ kind: 'cancel', refs: [ended.ref, attemptOf('true').ref] });
    session.acknowledge(ended.ref);
    await session.run(attemptOf('true'));
    const reports = session.said.flatMap((message) => (message.kind === 'report' ? message.finished : []));
    expect(reports.map(({ result }) => result.reason)).toEqual(['exited', 'exited']);
    expect(await metric(worker, 'hydra_worker_stops_total')).toBe(0);
  });
});

describe('a command that writes more than it may', () => {
  const options = { output_limit_bytes: 1_000, on_output_limit: 'kill' } as const;

  test('is stopped', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('yes', options);
    const report = await session.runToEnd(attempt);
    expect(report.result).toEqual({
      reason: 'signalled',
      exitCode: null,
      signal: 'SIGTERM',
      error: 'wrote more than output_limit_bytes (1000)',
    });
    expect(report.written.stdout.length).toBe(1_000);
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
  });

  test.each(['trap "exit 0" TERM; yes', 'head -c 1001 /dev/zero', 'head -c 1001 /dev/zero >&2'])(
    'has not succeeded, however it ends: %s',
    async (command) => {
      const { session } = await registeredPair();
      const { result } = await session.run(attemptOf(command, options));
      expect(result).toMatchObject({ reason: 'signalled', exitCode: null, signal: 'SIGTERM' });
      expect(result.error).toMatch(/^wrote more than output_limit_bytes \(1000\)/);
    },
  );

  test('may write as much as it may', async () => {
    const { session } = await registeredPair();
    const { result } = await session.run(attemptOf('head -c 1000 /dev/zero', options));
    expect(result).toMatchObject({ reason: 'exited', exitCode: 0, error: null });
  });

  test('is only cut short when that is not asked for', async () => {
    const { session } = await registeredPair();
    const report = await session.runToEnd(attemptOf('seq 100000', { output_limit_bytes: 1_000 }));
    expect(report.result).toMatchObject({ reason: 'exited', exitCode: 0, error: null });
    expect(report.written.text).toMatch(/^1\n2\n[^]*\n99999\n100000\n$/);
    expect(report.written).toMatchObject({ totalBytes: 588_895, stdout: { length: 1_000 } });
  });
});

describe('what a command leaves behind', () => {
  test('is killed before its result goes out, though it holds the streams open', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('trap "" TERM; sleep 600 & setsid sleep 601 & echo started; exit 3');
    const report = await session.runToEnd(attempt);
    expect(report.result).toMatchObject({ reason: 'exited', exitCode: 3, error: null });
    expect(report.written.text).toBe('started\n');
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
  });

  test('is killed also when it closed its streams and left', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('setsid sh -c "sleep 600 & sleep 601" >/dev/null 2>&1 </dev/null & exit 0');
    await session.run(attempt);
    await processesGone(markOf(attempt.ref));
  });

  test('may end what it does within a moment', async () => {
    const { session } = await registeredPair();
    const report = await session.runToEnd(attemptOf('{ sleep 0.02; echo late; } & echo early'));
    expect(report.written.text).toBe('early\nlate\n');
  });

  test('may live on where that is asked for', async () => {
    const { session } = await registeredPair();
    const gate = new Gate();
    const attempt = attemptOf(`{ ${gate.wait}; } & echo started`, { background: 'allow' });
    const report = await session.runToEnd(attempt);
    expect(report.result).toMatchObject({ reason: 'exited', exitCode: 0 });
    expect(report.written.text).toBe('started\n');
    await session.run(attemptOf('true'));
    expect(await processesWith(markOf(attempt.ref))).toHaveLength(1);
    gate.pass();
    await processesGone(markOf(attempt.ref));
  });

  test('may not when the command is stopped', async () => {
    const { session } = await registeredPair();
    const attempt = attemptOf('setsid sleep 600 & sleep 601', { background: 'allow', timeout_ms: 300 });
    expect((await session.run(attempt)).result.reason).toBe('timed_out');
    expect(await processesWith(markOf(attempt.ref))).toEqual([]);
  });
});
