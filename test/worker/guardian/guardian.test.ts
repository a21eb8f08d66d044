import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findByCommand, untilGone } from '../../support/processes.ts';
import {
  cleanUp,
  companionsOf,
  hasProc,
  isRoot,
  startCommand,
  startGuardian,
  stateOf,
  untilAsleep,
} from './support/guarded.ts';
import { NASTY, uniqueSleep } from './support/nasty.ts';

describe.skipIf(!hasProc)('ending an attempt', () => {
  test.each(NASTY)('leaves nothing of $name', async ({ script, sleepers }) => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', script(sleep));
    await untilAsleep(sleep, sleepers);
    const { survivors } = await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
    expect(survivors).toBe(0);
  });

  const traceable = NASTY.filter(({ needsWorkerMark }) => needsWorkerMark !== true);
  test.each(traceable)('leaves nothing of $name when the command has ended by itself', async ({ script, sleepers }) => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const command = await startCommand(guardian, 'task/1', script(sleep));
    await untilAsleep(sleep, sleepers);
    command.kill('SIGKILL');
    await once(command, 'exit');
    await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
  });

  test('leaves nothing of a daemon that a short command started, though nobody saw it being started', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const command = await startCommand(guardian, 'task/1', `(setsid sh -c '(sleep ${sleep} &)' &)`);
    await once(command, 'exit');
    await untilAsleep(sleep, 1);
    await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
  });

  test.skipIf(!isRoot).each([
    ['that forks in its group', 'sh -c "$BOMB" & sh -c "$BOMB" & wait'],
    ['that gives each child a session', 'setsid sh -c "$BOMB" & setsid sh -c "$BOMB" & wait'],
    ['that orphans each child', '(setsid sh -c "$BOMB" &) ; (setsid sh -c "$BOMB" &) ; sleep 60'],
  ])('leaves nothing of a fork bomb %s, held by the limit of processes', async (_, bomb) => {
    const { guardian } = await startGuardian();
    const mark = uniqueSleep();
    cleanUp(mark);
    // A shell that cannot fork ends. This one begins again.
    const script = `: ${mark}; trap 'exec sh -c "$BOMB"' EXIT; ${bomb}`;
    const outer = ['setpriv', '--reuid=64123', '--regid=64123', '--clear-groups', 'prlimit', '--nproc=150', '--'];
    await startCommand(guardian, 'task/1', script, { outer, environment: { BOMB: script } });
    await expect.poll(() => findByCommand(mark).length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(70);
    const { survivors } = await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(mark)).toEqual([]);
    expect(survivors).toBe(0);
  });

  test('does not touch another attempt, which has a daemon, too', async () => {
    const { guardian } = await startGuardian();
    const [doomed, other] = [uniqueSleep(), uniqueSleep()];
    for (const sleep of [doomed, other]) {
      cleanUp(sleep);
      await startCommand(guardian, sleep, `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
      await untilAsleep(sleep, 2);
    }
    await guardian.end(doomed, { spareBackground: false });
    expect(findByCommand(doomed)).toEqual([]);
    expect(findByCommand(other)).toHaveLength(2);
    await guardian.end(other, { spareBackground: false });
    expect(findByCommand(other)).toEqual([]);
  });

  test('spares what may live on, also when others end and when the guardian stops', async () => {
    const { guardian } = await startGuardian();
    const [spared, other] = [uniqueSleep(), uniqueSleep()];
    cleanUp(spared);
    cleanUp(other);
    const script = `(setsid sleep ${spared} &) ; (sleep ${spared} &)`;
    const command = await startCommand(guardian, 'spared/1', script, { allowBackground: true });
    await once(command, 'exit');
    await untilAsleep(spared, 2);
    await guardian.end('spared/1', { spareBackground: true });
    await startCommand(guardian, 'other/1', `sleep ${other} & exec sleep ${other}`);
    await untilAsleep(other, 2);
    await guardian.end('other/1', { spareBackground: false });
    expect(findByCommand(other)).toEqual([]);
    await guardian.stop();
    expect(findByCommand(spared)).toHaveLength(2);
  });

  test('is answered at once for an attempt that never began, and twice for one that was ended twice', async () => {
    const { guardian } = await startGuardian();
    const nothing = { usage: { cpuMs: null, peakMemoryBytes: null }, survivors: 0, fenced: false };
    expect(await guardian.end('unknown/1', { spareBackground: false })).toEqual(nothing);
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', `exec sleep ${sleep}`);
    const both = [1, 2].map(() => guardian.end('task/1', { spareBackground: false }));
    expect((await Promise.all(both)).map(({ survivors }) => survivors)).toEqual([0, 0]);
    expect(findByCommand(sleep)).toEqual([]);
  });

  test.skipIf(!isRoot)('leaves nothing of another user, as root', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const outer = ['setpriv', '--reuid=64124', '--regid=64124', '--clear-groups', '--'];
    await startCommand(guardian, 'task/1', `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`, { outer });
    await untilAsleep(sleep, 2);
    await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
  });

  test('finds the mark in an environment of 300 KB', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const environment = Object.fromEntries([1, 2, 3].map((n) => [`BIG_${n}`, 'x'.repeat(100_000)]));
    const command = await startCommand(guardian, 'task/1', `(setsid sh -c '(sleep ${sleep} &)' &)`, { environment });
    await once(command, 'exit');
    await untilAsleep(sleep, 1);
    await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
  });
});

describe.skipIf(!hasProc)('a signal', () => {
  test('reaches each process of the attempt once, wherever it went, and nobody else', async () => {
    const { guardian } = await startGuardian();
    const folder = mkdtempSync(join(tmpdir(), 'hydra-signal-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'caught');
    writeFileSync(file, '');
    const mark = uniqueSleep();
    cleanUp(mark);
    const catcher = (name: string) =>
      `: ${mark}; trap "echo ${name} >> ${file}" TERM; echo ready >> ${file}; while :; do sleep 0.01; done`;
    const script = `sh -c '${catcher('child')}' & setsid sh -c '${catcher('session')}' & (setsid sh -c '${catcher('orphan')}' &) ; ${catcher('command')}`;
    await startCommand(guardian, 'task/1', script);
    await startCommand(guardian, 'other/1', catcher('other'));
    const caught = () => readFileSync(file, 'utf8').trim().split('\n').sort();
    await expect.poll(caught, { timeout: 20_000 }).toEqual(Array<string>(5).fill('ready'));

    guardian.signal('task/1', 'SIGTERM');
    const names = ['child', 'command', 'orphan', 'session'];
    await expect.poll(() => caught().filter((line) => line !== 'ready')).toEqual(names);
    // A second one would come before the answer to what is asked for next.
    guardian.signal('task/1', 'SIGCONT');
    await guardian.end('task/1', { spareBackground: false });
    expect(caught().filter((line) => line !== 'ready')).toEqual(names);
    await guardian.end('other/1', { spareBackground: false });
  });

  test('halts and continues all of it', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
    const pids = await untilAsleep(sleep, 2);
    guardian.signal('task/1', 'SIGSTOP');
    await expect.poll(() => pids.map(stateOf)).toEqual(['T', 'T']);
    guardian.signal('task/1', 'SIGCONT');
    await expect.poll(() => pids.map(stateOf)).toEqual(['S', 'S']);
    await guardian.end('task/1', { spareBackground: false });
  });

  test('to an attempt that is not there is nobody’s', async () => {
    const { guardian } = await startGuardian();
    guardian.signal('unknown/1', 'SIGTERM');
    expect(await guardian.end('unknown/1', { spareBackground: false })).toMatchObject({ survivors: 0 });
  });
});

describe.skipIf(!hasProc)('the usage', () => {
  test('is that of all processes together', async () => {
    const { guardian } = await startGuardian();
    const mark = uniqueSleep();
    cleanUp(mark);
    const burn = 'i=0; while :; do i=$((i+1)); done';
    const started = performance.now();
    await startCommand(guardian, 'task/1', `: ${mark}; (setsid sh -c '${burn}' ${mark} &) ; ${burn}`);
    const burners = () => findByCommand(mark).map(({ pid }) => pid);
    await expect.poll(() => burners().length).toBe(2);
    // Long enough that what is counted exceeds what rounding adds.
    await expect.poll(() => Math.min(...burners().map(cpuTicks)), { timeout: 30_000 }).toBeGreaterThan(20);
    const { usage } = await guardian.end('task/1', { spareBackground: false });
    expect(usage.cpuMs).toBeGreaterThanOrEqual(400);
    expect(usage.cpuMs).toBeLessThan(2 * (performance.now() - started) + 100);
    expect(usage.peakMemoryBytes).toBeGreaterThan(500_000);
    expect(usage.peakMemoryBytes).toBeLessThan(50_000_000);
  });

  test('includes the peak, not the last of the memory', async () => {
    const { guardian } = await startGuardian();
    const mark = uniqueSleep();
    cleanUp(mark);
    const eater = 'const b = Buffer.alloc(80e6, 1); setTimeout(() => b, 700)';
    const command = await startCommand(guardian, 'task/1', `: ${mark}; "$NODE" -e '${eater}'; sleep 0.3`, {
      environment: { NODE: process.execPath },
    });
    await once(command, 'exit');
    const { usage } = await guardian.end('task/1', { spareBackground: false });
    expect(usage.peakMemoryBytes).toBeGreaterThan(80e6);
    expect(usage.peakMemoryBytes).toBeLessThan(400e6);
  });
});

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

describe.skipIf(!hasProc)('the companion', () => {
  /** Of this process; tests of this file run one after the other. */
  const companion = () => {
    const [pid] = companionsOf(process.pid);
    if (pid === undefined) throw new Error('there is no companion');
    return pid;
  };

  test('is replaced when it dies, and what was asked for is done', async () => {
    const { guardian, logged } = await startGuardian();
    const [kept, ended] = [uniqueSleep(), uniqueSleep()];
    for (const sleep of [kept, ended]) {
      cleanUp(sleep);
      await startCommand(guardian, sleep, `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
      await untilAsleep(sleep, 2);
    }
    const first = companion();
    process.kill(first, 'SIGSTOP');
    const end = guardian.end(ended, { spareBackground: false });
    guardian.signal(kept, 'SIGSTOP');
    process.kill(first, 'SIGKILL');
    expect(await end).toMatchObject({ survivors: 0 });
    expect(findByCommand(ended)).toEqual([]);
    const pids = findByCommand(kept).map(({ pid }) => pid);
    await expect.poll(() => pids.map(stateOf)).toEqual(['T', 'T']);
    expect(companion()).not.toBe(first);
    expect(guardian.restarts).toBe(1);
    expect(logged.map(({ msg }) => msg)).toEqual(['the guardian has died; starting another']);
    await guardian.end(kept, { spareBackground: false });
    expect(findByCommand(kept)).toEqual([]);
  });

  test('is replaced when it does not answer', async () => {
    const { guardian, logged } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
    await untilAsleep(sleep, 2);
    process.kill(companion(), 'SIGSTOP');
    expect(await guardian.end('task/1', { spareBackground: false })).toMatchObject({ survivors: 0 });
    expect(findByCommand(sleep)).toEqual([]);
    expect(logged[0]?.msg).toBe('the guardian does not answer; starting another');
  });

  test('stays when it is told to end, as whoever stops the worker might do', async () => {
    const { guardian } = await startGuardian();
    const pid = companion();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(pid, signal);
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', `exec sleep ${sleep}`);
    await guardian.end('task/1', { spareBackground: false });
    expect(companion()).toBe(pid);
    expect(guardian.restarts).toBe(0);
  });

  test('ends, after everything else, when the guardian is stopped', async () => {
    const { guardian } = await startGuardian();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await startCommand(guardian, 'task/1', `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`);
    await untilAsleep(sleep, 2);
    await guardian.stop();
    expect(findByCommand(sleep)).toEqual([]);
    await untilGone(() => companionsOf(process.pid).map((pid) => ({ pid, command: 'companion' })));
    expect(await guardian.end('task/1', { spareBackground: false })).toMatchObject({ survivors: 0 });
    await guardian.stop();
  });
});
