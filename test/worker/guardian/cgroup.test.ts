import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cgroupName, parseCgroupName, removeCgroup } from '../../../src/worker/guardian/cgroup.ts';
import { checkCgroup, joinCgroup, makeCgroup } from '../../../src/worker/guardian/make-cgroup.ts';
import { findByCommand, untilGone } from '../../support/processes.ts';
import { cleanUp, startCommand, startGuardian, untilAsleep } from './support/guarded.ts';
import { uniqueSleep } from './support/nasty.ts';
import { GuardedWorker } from './support/worker.ts';

/** Where cgroup v2 is, if this process may make cgroups in it. */
const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((folder) => {
  const probe = `${folder}/hydra-test-${process.pid}`;
  try {
    if (!existsSync(`${folder}/cgroup.procs`)) return false;
    mkdirSync(probe);
    const isOne = existsSync(`${probe}/cgroup.kill`);
    rmdirSync(probe);
    return isOne;
  } catch {
    return false;
  }
});

let count = 0;

/** A folder for the cgroups of a test; it must be empty again when the test is over. */
function folderOfTest(): string {
  const folder = `${root}/hydra-test-${process.pid}-${++count}`;
  mkdirSync(folder);
  onTestFinished(async () => {
    await expect.poll(() => childrenOf(folder), { timeout: 10_000 }).toEqual([]);
    await expect.poll(() => removeCgroup(folder), { timeout: 10_000 }).toBe(true);
  });
  return folder;
}

function childrenOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

test('the name of a cgroup says whose it is', () => {
  const owners = fc.record({
    namespace: fc.oneof(fc.constant(''), fc.nat().map(String)),
    worker: fc.record({ pid: fc.nat(), start: fc.nat() }),
    instance: fc.stringMatching(/^[0-9a-f]{12}$/),
  });
  fc.assert(
    fc.property(owners, fc.nat(), (owner, number) => {
      expect(parseCgroupName(cgroupName(owner, number))).toEqual(owner);
    }),
  );
  expect(parseCgroupName('hydra.slice')).toBeNull();
});

describe('a folder that cannot hold cgroups', () => {
  test('is refused with a sentence', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hydra-cgroup-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await expect(checkCgroup('relative')).rejects.toThrow('the cgroup folder "relative" is not an absolute path');
    await expect(checkCgroup(join(folder, 'missing'))).rejects.toThrow(
      /^the cgroup folder ".*" cannot be used: ENOENT/,
    );
    await expect(checkCgroup(folder)).rejects.toThrow(/ is not in a file system of cgroup v2, such as /);
  });

  test('keeps a guardian from starting', async () => {
    await expect(startGuardian({ cgroup: tmpdir() })).rejects.toThrow(/^the cgroup folder/);
  });
});

describe.skipIf(root === undefined)('with cgroups', () => {
  test('a folder that can is told with its controllers, and is left as it was', async () => {
    const folder = folderOfTest();
    const controllers = await checkCgroup(folder);
    expect(controllers).toEqual(readFileSync(`${folder}/cgroup.subtree_control`, 'utf8').split(/\s+/).filter(Boolean));
    expect(childrenOf(folder)).toEqual([]);
  });

  test('limits are set as far as there are controllers for them', async () => {
    const folder = folderOfTest();
    const controllers = await checkCgroup(folder);
    const cgroup = `${folder}/one`;
    await makeCgroup(cgroup, { memory_bytes: 64 * 1024 * 1024, processes: 7 }, controllers);
    if (controllers.includes('memory')) expect(readFileSync(`${cgroup}/memory.max`, 'utf8')).toBe('67108864\n');
    else expect(existsSync(`${cgroup}/memory.max`)).toBe(false);
    if (controllers.includes('pids')) expect(readFileSync(`${cgroup}/pids.max`, 'utf8')).toBe('7\n');
    else expect(existsSync(`${cgroup}/pids.max`)).toBe(false);
    rmdirSync(cgroup);
  });

  test('a command that cannot join its cgroup is not run', async () => {
    const { guardian } = await startGuardian();
    const [program, ...args] = joinCgroup('/sys/fs/cgroup/hydra-missing');
    const mark = uniqueSleep();
    const command = await startCommand(guardian, 'task/1', `exec sleep ${mark}`, { outer: [program, ...args] });
    expect((await once(command, 'exit'))[0]).not.toBe(0);
    await guardian.end('task/1', { spareBackground: false });
  });

  test('ends even what clears all that it could be known by, and gives exact figures', async () => {
    const { guardian } = await startGuardian({ cgroup: folderOfTest() });
    const sleep = uniqueSleep();
    cleanUp(sleep);
    const burn = 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done';
    const stray = `(setsid env -i sh -c '(sleep ${sleep} <&- >&- 2>&- &)' <&- >&- 2>&- &)`;
    const command = await startCommand(guardian, 'task/1', `${stray}; ${burn}`);
    await once(command, 'exit');
    await untilAsleep(sleep, 1);
    const { usage, survivors } = await guardian.end('task/1', { spareBackground: false });
    expect(findByCommand(sleep)).toEqual([]);
    expect(survivors).toBe(0);
    expect(usage.cpuMs).toBeGreaterThan(10);
  });

  test('tells attempts apart that run at the same time', async () => {
    const { guardian } = await startGuardian({ cgroup: folderOfTest() });
    const [doomed, other] = [uniqueSleep(), uniqueSleep()];
    for (const sleep of [doomed, other]) {
      cleanUp(sleep);
      await startCommand(guardian, sleep, `(setsid env -i sleep ${sleep} &) ; exec sleep ${sleep}`);
      await untilAsleep(sleep, 2);
    }
    await guardian.end(doomed, { spareBackground: false });
    expect(findByCommand(doomed)).toEqual([]);
    expect(findByCommand(other)).toHaveLength(2);
    await guardian.end(other, { spareBackground: false });
  });

  test('what may live stays in its cgroup, which is removed after it', async () => {
    const folder = folderOfTest();
    const { guardian } = await startGuardian({ cgroup: folder });
    const [spared, other] = [uniqueSleep(), uniqueSleep()];
    cleanUp(spared);
    cleanUp(other);
    const command = await startCommand(guardian, 'spared/1', `sleep ${spared} &`, { allowBackground: true });
    await once(command, 'exit');
    const [pid = 0] = await untilAsleep(spared, 1);
    await guardian.end('spared/1', { spareBackground: true });
    expect(childrenOf(folder)).toHaveLength(1);
    process.kill(pid, 'SIGKILL');
    await untilGone(() => findByCommand(spared));
    // It is removed when another attempt ends, once the system is through with the last process in it.
    await expect
      .poll(async () => {
        await startCommand(guardian, 'other/1', `exec sleep ${other}`);
        await guardian.end('other/1', { spareBackground: false });
        return childrenOf(folder);
      })
      .toEqual([]);
  });

  test('one that was made for a command that could not be started is removed', async () => {
    const folder = folderOfTest();
    const { guardian } = await startGuardian({ cgroup: folder });
    await guardian.prefix('task/1', {});
    expect(childrenOf(folder)).toHaveLength(1);
    await guardian.end('task/1', { spareBackground: false });
    expect(childrenOf(folder)).toEqual([]);
  });

  test('a worker that is killed leaves none, and one that is killed with its companion none to the next', async () => {
    const folder = folderOfTest();
    const stray = (sleep: string) => `setsid env -i sleep ${sleep} & exec sleep ${sleep}`;
    const [first, second] = [uniqueSleep(), uniqueSleep()];
    cleanUp(first);
    cleanUp(second);
    const worker = await GuardedWorker.start({ cgroup: folder });
    await worker.run('first/1', stray(first));
    await untilAsleep(first, 2);
    await worker.kill();
    await untilGone(() => findByCommand(first), 2_000);
    await expect.poll(() => childrenOf(folder)).toEqual([]);

    const other = await GuardedWorker.start({ cgroup: folder });
    await other.run('second/1', stray(second));
    await untilAsleep(second, 2);
    const { companion } = other;
    process.kill(companion, 'SIGSTOP');
    await other.kill();
    process.kill(companion, 'SIGKILL');
    await GuardedWorker.start({ cgroup: folder });
    await untilGone(() => findByCommand(second), 5_000);
    await expect.poll(() => childrenOf(folder)).toEqual([]);
  });
});
