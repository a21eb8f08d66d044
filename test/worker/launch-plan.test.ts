import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Run, RunOptions } from '../../src/domain/run-options.ts';
import type { Abilities } from '../../src/worker/abilities.ts';
import type { Account } from '../../src/worker/accounts.ts';
import { planLaunch, type LaunchRequest } from '../../src/worker/launch-plan.ts';

const ROOT: Abilities = {
  uid: 0,
  userName: 'root',
  maySwitchUser: true,
  niceness: 0,
  leastNiceness: -20,
  ceilings: { openFiles: 4_096, processes: Infinity, cpuSeconds: Infinity, dataBytes: Infinity },
  tools: { prlimit: '/t/prlimit', nice: '/t/nice', setpriv: '/t/setpriv' },
};
const WORKER: Abilities = { ...ROOT, uid: 1_000, userName: 'worker', maySwitchUser: false, leastNiceness: 0 };
const NOBODY: Account = { name: 'nobody', uid: 65_534, gid: 65_533, home: '/', shell: '/bin/sh' };

function planOf(options: RunOptions = {}, run: Partial<Run> = {}, rest: Partial<LaunchRequest> = {}) {
  return planLaunch({
    run: { command: 'echo hi', argv: null, options, secretEnv: {}, hasStdin: false, ...run },
    account: null,
    environment: { PATH: '/usr/bin:/bin' },
    abilities: WORKER,
    cgroupControllers: [],
    workerCwd: '/',
    ...rest,
  });
}

/** What would be started, or the error. */
function wordsOf(...args: Parameters<typeof planOf>): readonly string[] | string {
  const planned = planOf(...args);
  return planned.ok ? [...planned.plan.outer, '<cgroup>', ...planned.plan.inner] : planned.error;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-plan-'));
  for (const name of ['good', '-dashed', 'plain']) writeFileSync(join(folder, name), '#!/bin/sh\n', { mode: 0o755 });
  chmodSync(join(folder, 'plain'), 0o644);
  mkdirSync(join(folder, 'sub'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the target', () => {
  test('is a shell with the command, sh unless another is named', () => {
    expect(wordsOf()).toEqual(['<cgroup>', 'sh', '-c', 'echo hi']);
    expect(wordsOf({ shell: '/bin/sh' })).toEqual(['<cgroup>', '/bin/sh', '-c', 'echo hi']);
  });

  test('or a program without a shell', () => {
    expect(wordsOf({}, { command: null, argv: ['echo', '$HOME', ''] })).toEqual(['<cgroup>', 'echo', '$HOME', '']);
  });

  test('whose name is no option of a wrapper', () => {
    const environment = { PATH: folder };
    expect(wordsOf({}, { command: null, argv: ['-dashed', '-x'] }, { environment })).toEqual([
      '<cgroup>',
      join(folder, '-dashed'),
      '-x',
    ]);
  });

  test('is found in the command’s own PATH, and from its own folder', () => {
    const run = { command: null, argv: ['good'] };
    expect(wordsOf({}, run, { environment: { PATH: `/nowhere:${folder}` } })).toEqual(['<cgroup>', 'good']);
    expect(wordsOf({ cwd: folder }, run, { environment: { PATH: '' } })).toEqual(['<cgroup>', 'good']);
    expect(wordsOf({ cwd: join(folder, 'sub') }, { command: null, argv: ['../good'] })).toEqual([
      '<cgroup>',
      '../good',
    ]);
  });

  test.each([
    ['no-such-program', 'there is no program "no-such-program" in the command\'s PATH (/usr/bin:/bin)'],
    ['/no/such', '"/no/such" cannot be run: it does not exist'],
    ['/usr', '"/usr" cannot be run: it is not a file'],
    ['', 'the name of the program is empty'],
  ])('%j', (name, error) => {
    expect(wordsOf({}, { command: null, argv: [name] })).toBe(error);
  });

  test('must be executable', () => {
    const path = join(folder, 'plain');
    expect(wordsOf({}, { command: null, argv: [path] })).toBe(`"${path}" cannot be run: permission is denied`);
    expect(wordsOf({}, { command: null, argv: ['plain'] }, { environment: { PATH: folder } })).toContain('no program');
  });
});

describe('the folder', () => {
  test('is the worker’s own, unless another is named', () => {
    expect(planOf()).toMatchObject({ plan: { cwd: '/' } });
    expect(planOf({ cwd: '/usr' })).toMatchObject({ plan: { cwd: '/usr' } });
  });

  test('must be one', () => {
    expect(wordsOf({ cwd: '/no/such' })).toBe('cwd "/no/such" cannot be used: it does not exist');
    expect(wordsOf({ cwd: join(folder, 'plain') })).toContain('cannot be used: it is not a folder');
  });
});

describe('wrappers', () => {
  test('come in an order in which each may still do its work', () => {
    const options: RunOptions = { umask: '027', nice: -5, limits: { open_files: 100, cpu_seconds: 10 } };
    expect(wordsOf(options, {}, { account: NOBODY, abilities: ROOT })).toEqual([
      ...['/bin/sh', '-c', 'umask 027 && exec "$@"', 'sh'],
      '<cgroup>',
      ...['/t/prlimit', '--nofile=100', '--cpu=10:15', '--'],
      ...['/t/nice', '-n', '-5', '--'],
      ...['/t/setpriv', '--reuid=65534', '--regid=65533', '--init-groups', '--'],
      ...['sh', '-c', 'echo hi'],
    ]);
  });

  test('limits that a cgroup holds are left to it', () => {
    const limits = { memory_bytes: 1_000_000, processes: 10 };
    const cgroupControllers = ['memory', 'pids'];
    expect(wordsOf({ limits })).toEqual(expect.arrayContaining(['--nproc=10', '--data=1000000']));
    expect(wordsOf({ limits }, {}, { cgroupControllers })).toEqual(['<cgroup>', 'sh', '-c', 'echo hi']);
    expect(wordsOf({ limits: { processes: 10 } }, {}, { cgroupControllers, abilities: ROOT })).toHaveLength(4);
  });

  test('what the worker is already needs none', () => {
    const account = { ...NOBODY, name: 'worker', uid: 1_000 };
    expect(wordsOf({ nice: 3 }, {}, { account, abilities: { ...WORKER, niceness: 3 } })).toHaveLength(4);
  });

  test('niceness is counted from the worker’s own', () => {
    expect(wordsOf({ nice: 10 }, {}, { abilities: { ...WORKER, niceness: 4 } })).toEqual(
      expect.arrayContaining(['-n', '6']),
    );
  });
});

describe('what this worker cannot do', () => {
  const none = { prlimit: null, nice: null, setpriv: null };
  test.each<[string, RunOptions, Partial<LaunchRequest>, string]>([
    ['another user', {}, { account: NOBODY }, 'the worker runs as worker and has no right to run commands as nobody'],
    ['a negative nice', { nice: -1 }, {}, 'nice is -1, and this worker may not go below 0'],
    [
      'a limit above its own',
      { limits: { open_files: 5_000 } },
      {},
      'limits.open_files is 5000, and the worker itself is limited to 4096',
    ],
    [
      'a number of processes for root',
      { limits: { processes: 5 } },
      { abilities: ROOT },
      'limits.processes does not hold for root: give another user, or configure the worker with HYDRA_CGROUP',
    ],
    [
      'limits without prlimit',
      { limits: { cpu_seconds: 5 } },
      { abilities: { ...WORKER, tools: none } },
      'limits cannot be set: this worker has no program prlimit',
    ],
    [
      'nice without nice',
      { nice: 1 },
      { abilities: { ...WORKER, tools: none } },
      'nice cannot be set: this worker has no program nice',
    ],
    [
      'users without setpriv',
      {},
      { abilities: { ...ROOT, tools: none }, account: NOBODY },
      'user cannot be changed: this worker has no program setpriv',
    ],
  ])('%s', (_, options, rest, error) => {
    expect(wordsOf(options, {}, rest)).toBe(error);
  });
});

describe('variables that run code in whatever is started with them', () => {
  const rest = { account: NOBODY, abilities: ROOT };
  test.each(['LD_PRELOAD', 'LD_LIBRARY_PATH', 'GCONV_PATH', 'SHELLOPTS'])(
    '%s: not while the worker’s own programs change the user',
    (name) => {
      const error = `${name} cannot be given together with user, since it would act on the programs that change the user, too; set it in the command itself`;
      expect(wordsOf({ env: { A: '1', [name]: 'x' } }, {}, rest)).toBe(error);
      expect(wordsOf({}, { secretEnv: { [name]: 'x' } }, rest)).toBe(error);
    },
  );

  test('others, and those of commands that run as the worker, are left alone', () => {
    expect(wordsOf({ env: { ENV: 'production', OLD_LD_PATH: 'x' } }, {}, rest)).toContain('/t/setpriv');
    expect(wordsOf({ env: { LD_PRELOAD: 'x' } })).toEqual(['<cgroup>', 'sh', '-c', 'echo hi']);
  });
});
