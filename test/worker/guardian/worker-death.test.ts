import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findByCommand, untilGone } from '../../support/processes.ts';
import { cleanUp, hasEnded, hasProc, untilAsleep } from './support/guarded.ts';
import { NASTY, uniqueSleep } from './support/nasty.ts';
import { GuardedWorker } from './support/worker.ts';

/** A daemon that nothing but the worker's mark can be known by, once its parents have ended. */
const strayOf = (sleep: string) => `(setsid env -i sh -c '(sleep ${sleep} <&- >&- 2>&- &)' <&- >&- 2>&- &)`;
const hasPrlimit = (() => {
  try {
    execFileSync('prlimit', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasProc)('kill -9 of the worker', () => {
  test('leaves nothing of 20 trees within 2 seconds', async () => {
    const worker = await GuardedWorker.start();
    const { companion } = worker;
    const sleeps: string[] = [];
    for (let n = 0; n < 20; n++) {
      const { script, sleepers } = NASTY[n % NASTY.length]!;
      const sleep = uniqueSleep();
      sleeps.push(sleep);
      cleanUp(sleep);
      await worker.run(`task-${n}/1`, script(sleep));
      await untilAsleep(sleep, sleepers);
    }
    await worker.kill();
    const alive = () => sleeps.flatMap((sleep) => findByCommand(sleep));
    await untilGone(alive, 2_000);
    // The companion stays a little longer, to see that nothing turns up.
    await expect.poll(() => hasEnded(companion), { timeout: 10_000 }).toBe(true);
    expect(alive()).toEqual([]);
  });

  test('ends what might have been left behind, had the command ended', async () => {
    const worker = await GuardedWorker.start();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await worker.run('task/1', `(setsid sleep ${sleep} &) ; exec sleep ${sleep}`, true);
    await untilAsleep(sleep, 2);
    await worker.kill();
    await untilGone(() => findByCommand(sleep), 2_000);
  });

  test('spares what was left behind before, and had leave to', async () => {
    const worker = await GuardedWorker.start();
    const [spared, doomed] = [uniqueSleep(), uniqueSleep()];
    cleanUp(spared);
    cleanUp(doomed);
    await worker.run('spared/1', `(setsid sleep ${spared} &) ; ${strayOf(spared)}`, true);
    await worker.exited('spared/1');
    await untilAsleep(spared, 2);
    await worker.end('spared/1', true);
    await worker.run('doomed/1', `(setsid sleep ${doomed} &) ; exec sleep ${doomed}`);
    await untilAsleep(doomed, 2);
    const { companion } = worker;
    await worker.kill();
    await expect.poll(() => hasEnded(companion), { timeout: 10_000 }).toBe(true);
    expect(findByCommand(doomed)).toEqual([]);
    expect(findByCommand(spared)).toHaveLength(2);
  });

  test('together with its companion: the next worker here ends what they left, but for what may live', async () => {
    const worker = await GuardedWorker.start();
    const [left, spared] = [uniqueSleep(), uniqueSleep()];
    cleanUp(left);
    cleanUp(spared);
    await worker.run('left/1', `(setsid sleep ${left} &) ; setsid env -i sleep ${left} & exec sleep ${left}`);
    await worker.run('spared/1', `(setsid sleep ${spared} &)`, true);
    await untilAsleep(left, 3);
    await untilAsleep(spared, 1);
    const { companion } = worker;
    process.kill(companion, 'SIGSTOP');
    await worker.kill();
    process.kill(companion, 'SIGKILL');

    // Another one that starts here at this moment, of another test, does it just as well.
    await GuardedWorker.start();
    await untilGone(() => findByCommand(left), 5_000);
    expect(findByCommand(spared)).toHaveLength(1);
  });
});

describe.skipIf(!hasProc || !hasPrlimit)('a process that nothing but the mark of the worker tells of', () => {
  test('has that mark, which the worker got once', async () => {
    const worker = await GuardedWorker.start();
    const mark = await worker.mark();
    expect(mark).toMatch(/^\d{16}$/);
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await worker.run('task/1', strayOf(sleep));
    const [pid] = await untilAsleep(sleep, 1);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(
      new RegExp(`^Max realtime timeout +${mark} +${mark} `, 'm'),
    );
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('HYDRA');
    await worker.end('task/1');
  });

  test('is gone when its attempt has ended', async () => {
    const worker = await GuardedWorker.start();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await worker.run('task/1', strayOf(sleep));
    await worker.exited('task/1');
    await untilAsleep(sleep, 1);
    expect(await worker.end('task/1')).toMatchObject({ survivors: 0 });
    expect(findByCommand(sleep)).toEqual([]);
  });

  test('is let alone while another attempt runs that it may belong to, and then is gone', async () => {
    const worker = await GuardedWorker.start();
    const [sleep, other] = [uniqueSleep(), uniqueSleep()];
    cleanUp(sleep);
    cleanUp(other);
    await worker.run('other/1', `exec sleep ${other}`);
    await untilAsleep(other, 1);
    await worker.run('task/1', strayOf(sleep));
    await worker.exited('task/1');
    await untilAsleep(sleep, 1);
    await worker.end('task/1');
    expect(findByCommand(sleep)).toHaveLength(1);
    await worker.end('other/1');
    expect(findByCommand(sleep)).toEqual([]);
  });

  test('lives on when its attempt had leave to leave it', async () => {
    const worker = await GuardedWorker.start();
    const [sleep, other] = [uniqueSleep(), uniqueSleep()];
    cleanUp(sleep);
    cleanUp(other);
    await worker.run('task/1', strayOf(sleep), true);
    await worker.exited('task/1');
    await untilAsleep(sleep, 1);
    await worker.end('task/1', true);
    await worker.run('other/1', `exec sleep ${other}`);
    await worker.end('other/1');
    expect(findByCommand(sleep)).toHaveLength(1);
  });

  test.each(NASTY)('nothing is left of $name when its attempt has ended', async ({ script, sleepers }) => {
    const worker = await GuardedWorker.start();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await worker.run('task/1', script(sleep));
    await untilAsleep(sleep, sleepers);
    expect(await worker.end('task/1')).toMatchObject({ survivors: 0 });
    expect(findByCommand(sleep)).toEqual([]);
  });

  test('is gone when the worker is killed', async () => {
    const worker = await GuardedWorker.start();
    const sleep = uniqueSleep();
    cleanUp(sleep);
    await worker.run('task/1', `${strayOf(sleep)}; exec sleep ${sleep}`);
    await untilAsleep(sleep, 2);
    await worker.kill();
    await untilGone(() => findByCommand(sleep), 2_000);
  });
});
