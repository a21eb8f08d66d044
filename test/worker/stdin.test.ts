import { createHash, randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { Gate } from './support/gate.ts';
import { processesGone } from './support/processes.ts';
import { attemptOf, markOf, metric, registeredPair } from './support/test-worker.ts';

/** An attempt that reads what the test gives it. */
const reading = (command: string) => attemptOf(command, {}, { hasStdin: true });
const TEN_MB = randomBytes(10_000_000);
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

test('10 MB arrive whole', async () => {
  const { session, coordinator, worker } = await registeredPair();
  const attempt = reading('sha256sum');
  coordinator.stdin.set(attempt.ref.taskId, TEN_MB);
  const { written } = await session.runToEnd(attempt);
  expect(written.text).toBe(`${sha256(TEN_MB)}  -\n`);
  expect(await metric(worker, 'hydra_worker_stdin_bytes_total')).toBe(TEN_MB.length);
});

test('an empty input ends at once', async () => {
  const { session, coordinator } = await registeredPair();
  const attempt = reading('wc -c');
  coordinator.stdin.set(attempt.ref.taskId, Buffer.alloc(0));
  expect((await session.runToEnd(attempt)).written.text.trim()).toBe('0');
});

test('a command that does not read ends as it would, and holds nothing up', async () => {
  const { session, coordinator, worker } = await registeredPair();
  const attempt = reading('exit 3');
  coordinator.stdin.set(attempt.ref.taskId, TEN_MB);
  expect((await session.run(attempt)).result).toMatchObject({ reason: 'exited', exitCode: 3 });
  expect(await metric(worker, 'hydra_worker_stdin_bytes_total')).toBeLessThan(TEN_MB.length);
  const call = await coordinator.stdinCall();
  await expect.poll(() => call.cancelled).toBe(true);
});

test('a command that reads a part and closes it goes on', async () => {
  const { session, coordinator } = await registeredPair();
  const attempt = reading('head -c 100 | wc -c; exec <&-; sleep 0.3; exit 4');
  coordinator.stdin.set(attempt.ref.taskId, TEN_MB);
  const { result, written } = await session.runToEnd(attempt);
  expect(result.exitCode).toBe(4);
  expect(written.text.trim()).toBe('100');
});

test('no more is fetched than the command reads', async () => {
  const { session, coordinator, worker } = await registeredPair();
  const gate = new Gate();
  const attempt = reading(`${gate.wait}; sha256sum`);
  coordinator.stdin.set(attempt.ref.taskId, TEN_MB);
  session.dispatch(attempt);
  await session.started(attempt.ref);
  await expect.poll(() => metric(worker, 'hydra_worker_stdin_bytes_total')).toBeGreaterThan(0);
  await session.run(attemptOf('sleep 0.3')); // others are not held up
  expect(await metric(worker, 'hydra_worker_stdin_bytes_total')).toBeLessThan(1_000_000);
  gate.pass();
  await session.finished(attempt.ref);
  expect(session.written(attempt.ref).text).toBe(`${sha256(TEN_MB)}  -\n`);
});

test('it goes on in the next session where it was', async () => {
  const { session, coordinator } = await registeredPair();
  const attempt = reading('sha256sum');
  session.dispatch(attempt);
  const first = await coordinator.stdinCall();
  expect(first.request.offset).toBe(0);
  first.write({ data: TEN_MB.subarray(0, 1_000) });
  await session.started(attempt.ref);
  await expect.poll(() => first.writableLength).toBe(0);
  coordinator.stdin.set(attempt.ref.taskId, TEN_MB);
  session.refuse(status.UNAVAILABLE);
  const next = await coordinator.session(2);
  await next.accept();
  await next.finished(attempt.ref);
  const second = await coordinator.stdinCall(2);
  expect([0, 1_000]).toContain(second.request.offset); // the first piece may be lost with the session
  expect(next.written(attempt.ref).text).toBe(`${sha256(TEN_MB)}  -\n`);
});

test('it is tried again in the same session, after a fault that may pass', async () => {
  const { session, coordinator } = await registeredPair();
  const attempt = reading('cat');
  session.dispatch(attempt);
  for (const nth of [1, 2]) {
    const call = await coordinator.stdinCall(nth);
    call.write({ data: Buffer.from(`${nth}`) });
    await expect.poll(() => session.written(attempt.ref).text).toBe('12'.slice(0, nth));
    call.emit('error', { code: status.UNAVAILABLE, details: 'as the test wants it' });
  }
  const third = await coordinator.stdinCall(3);
  expect(third.request.offset).toBe(2);
  third.write({ data: Buffer.from('3') });
  third.end();
  await session.finished(attempt.ref);
  expect(session.written(attempt.ref).text).toBe('123');
});

test('an attempt that is not the current one is killed, and not reported', async () => {
  const { session, coordinator } = await registeredPair();
  const attempt = reading('cat; sleep 600');
  session.dispatch(attempt);
  await session.started(attempt.ref);
  const call = await coordinator.stdinCall();
  call.emit('error', { code: status.FAILED_PRECONDITION, details: 'not the current one' });
  await processesGone(markOf(attempt.ref));
  await session.run(attemptOf('true'));
  expect(session.said.flatMap((m) => (m.kind === 'report' ? m.finished : []))).toHaveLength(1);
});
