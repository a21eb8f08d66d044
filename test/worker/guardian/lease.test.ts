import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Guardian } from '../../../src/worker/guardian/guardian.ts';
import { findByCommand, untilGone } from '../../support/processes.ts';
import { cleanUp, companionsOf, hasProc, startCommand, startGuardian, untilAsleep } from './support/guarded.ts';
import { uniqueSleep } from './support/nasty.ts';

/** Long enough for what is to happen at the end of a lease. */
const LEASE_MS = 500;
const LONG_MS = 600_000;

const companion = () => companionsOf(process.pid)[0] ?? 0;

/** A tree that left its group, of an attempt that the guardian was told of. */
async function tree(guardian: Guardian, key = 'task/1'): Promise<string> {
  const sleep = uniqueSleep();
  cleanUp(sleep);
  await startCommand(guardian, key, `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
  await untilAsleep(sleep, 2);
  return sleep;
}

/** Gives it another lease, and returns once it has done something with that. */
async function afterwards(guardian: Guardian): Promise<void> {
  guardian.allowFor(LONG_MS);
  const sleep = await tree(guardian, 'other/1');
  await guardian.end('other/1', { spareBackground: false });
  expect(findByCommand(sleep)).toEqual([]);
}

describe.skipIf(!hasProc)('the end of the lease', () => {
  test('is the end of what runs, even if the worker does nothing', async () => {
    const { guardian } = await startGuardian();
    const sleep = await tree(guardian);
    guardian.allowFor(LEASE_MS);
    await untilGone(() => findByCommand(sleep));
    expect(await guardian.end('task/1', { spareBackground: false })).toMatchObject({ survivors: 0 });
    // And not of what begins when there is another one.
    guardian.allowFor(LONG_MS);
    const next = await tree(guardian, 'task/2');
    await afterwards(guardian);
    expect(findByCommand(next)).toHaveLength(2);
  });

  test('is also that of a command that is told of after it', async () => {
    const { guardian } = await startGuardian();
    guardian.allowFor(1);
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const command = await startCommand(guardian, 'task/1', `exec sleep ${sleep}`);
    expect(await once(command, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test('that was put off in time is none, also when the guardian was halted meanwhile', async () => {
    const { guardian } = await startGuardian();
    const sleep = await tree(guardian);
    guardian.allowFor(LEASE_MS);
    process.kill(companion(), 'SIGSTOP');
    guardian.allowFor(LONG_MS);
    await delay(2 * LEASE_MS); // it wakes up with the first end passed, and the news of the second unread
    process.kill(companion(), 'SIGCONT');
    await afterwards(guardian);
    expect(findByCommand(sleep)).toHaveLength(2);
  });

  test('that was put off while there was no guardian is none for the next one', async () => {
    const { guardian } = await startGuardian();
    const sleep = await tree(guardian);
    guardian.allowFor(LEASE_MS);
    const before = companion();
    process.kill(before, 'SIGSTOP');
    process.kill(before, 'SIGKILL');
    guardian.allowFor(LONG_MS);
    await delay(2 * LEASE_MS);
    await afterwards(guardian);
    expect(guardian.restarts).toBe(1);
    expect(findByCommand(sleep)).toHaveLength(2);
  });

  test('that has passed holds for a guardian that is started after it', async () => {
    const { guardian } = await startGuardian();
    const sleep = await tree(guardian);
    process.kill(companion(), 'SIGSTOP');
    guardian.allowFor(1);
    process.kill(companion(), 'SIGKILL');
    await untilGone(() => findByCommand(sleep));
  });

  test('does not end what is being left behind with leave', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const command = await startCommand(guardian, 'task/1', `(setsid sleep ${sleep} &)`, { allowBackground: true });
    await once(command, 'exit');
    await untilAsleep(sleep, 1);
    process.kill(companion(), 'SIGSTOP');
    const end = guardian.end('task/1', { spareBackground: true });
    guardian.allowFor(1);
    process.kill(companion(), 'SIGKILL'); // so that the next one is told all of it at once
    await end;
    await afterwards(guardian);
    expect(findByCommand(sleep)).toHaveLength(1);
  });
});

describe.skipIf(!hasProc)('a command that the worker could not tell of before it was halted', () => {
  /** Starts it, and says nothing. */
  function startUnheard(guardian: Guardian, script: string, allowBackground: boolean) {
    const env = { PATH: process.env.PATH, ...guardian.environment('unheard/1', allowBackground) };
    const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore', env });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }

  test.each([
    ['', false],
    [', which may leave something behind', true],
  ])('is gone when the lease has ended%s', async (_, allowBackground) => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    startUnheard(guardian, `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`, allowBackground);
    await untilAsleep(sleep, 2);
    guardian.allowFor(LEASE_MS);
    await untilGone(() => findByCommand(sleep));
  });

  test('is told of when the worker goes on: its number is not mixed up with another', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const child = startUnheard(guardian, `exec sleep ${sleep}`, false);
    await untilAsleep(sleep, 1);
    const exited = once(child, 'exit');
    guardian.allowFor(1);
    await exited;
    guardian.begin('unheard/1', child.pid ?? 0);
    expect(await guardian.end('unheard/1', { spareBackground: false })).toMatchObject({ survivors: 0 });
  });

  test('lives as long as the lease does, and what was left behind before lives on', async () => {
    const { guardian } = await startGuardian();
    const [left, unheard] = [uniqueSleep(), uniqueSleep()];
    cleanUp(left);
    cleanUp(unheard);
    const command = await startCommand(guardian, 'left/1', `(setsid sleep ${left} &)`, { allowBackground: true });
    await once(command, 'exit');
    await untilAsleep(left, 1);
    await guardian.end('left/1', { spareBackground: true });
    startUnheard(guardian, `exec sleep ${unheard}`, false);
    await untilAsleep(unheard, 1);
    await afterwards(guardian);
    expect(findByCommand(unheard)).toHaveLength(1);
    guardian.allowFor(1);
    await untilGone(() => findByCommand(unheard));
    await afterwards(guardian);
    expect(findByCommand(left)).toHaveLength(1);
  });
});
