import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Run, RunOptions } from '../../src/domain/run-options.ts';
import { attemptOf, metric, registeredPair } from './support/test-worker.ts';

const isRoot = process.getuid?.() === 0;

/** What a command writes, and how it ends. */
async function outcome(command: string, options: RunOptions = {}, run: Partial<Run> = {}, env = {}) {
  const { session } = await registeredPair({}, env);
  const { result, written, startedAgeUs } = await session.runToEnd(attemptOf(command, options, run));
  return { ...result, text: written.text, startedAgeUs };
}

function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hydra-options-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('what is run', () => {
  test('a program without a shell', async () => {
    const argv = ['printf', '%s|', '$HOME', 'a b', '', '*', "it's"];
    expect((await outcome('', {}, { command: null, argv })).text).toBe("$HOME|a b||*|it's|");
  });

  test.runIf(existsSync('/bin/bash'))('another shell', async () => {
    expect((await outcome('echo ${BASH_VERSION:+bash}', { shell: 'bash' })).text).toBe('bash\n');
  });

  test('another folder', async () => {
    const folder = temporaryFolder();
    expect((await outcome('pwd', { cwd: folder })).text).toBe(`${folder}\n`);
  });

  test('another umask, and the worker’s own where none is given', async () => {
    expect((await outcome('umask', { umask: '027' })).text).toBe('0027\n');
    expect((await outcome('umask')).text).toBe(execFileSync('sh', ['-c', 'umask'], { encoding: 'utf8' }));
  });

  test('another niceness', async () => {
    expect((await outcome('nice', { nice: 7 })).text).toBe('7\n');
  });

  test.runIf(isRoot)('a negative niceness', async () => {
    expect((await outcome('nice', { nice: -3 })).text).toBe('-3\n');
  });
});

describe('the environment', () => {
  test('is a clean base, the task’s own variables, and what Hydra says', async () => {
    const { session, workerId } = await registeredPair(
      {},
      { DATABASE_URL: 'postgres://u:secret@h/d', AWS_KEY: 'secret', MINE: 'kept', HYDRA_PASS_ENV: 'MINE' },
    );
    const attempt = {
      ...attemptOf('env', { env: { GIVEN: 'a\nb', EMPTY: '' } }, { secretEnv: { TOKEN: 'x1y2z3' } }),
      queue: 'mail',
      scheduledAtUs: Date.UTC(2030, 0, 1) * 1_000,
      lateUs: 5_000_000,
    };
    const { written } = await session.runToEnd(attempt);
    const lines = written.text.trim().split('\n');
    const late = /^HYDRA_LATE_MS=(\d+)$/m.exec(written.text)?.[1];
    expect(Number(late)).toBeGreaterThanOrEqual(5_000);
    expect(Number(late)).toBeLessThan(15_000);
    const known = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|PWD|SHLVL|_|OLDPWD)=/;
    expect(lines.filter((line) => !known.test(line) && !/^HYDRA_(PROCESS_MARK|LATE_MS)/.test(line)).sort()).toEqual(
      [
        'EMPTY=',
        'GIVEN=a',
        'b',
        'HYDRA_ATTEMPT=1',
        'HYDRA_QUEUE=mail',
        'HYDRA_SCHEDULED_AT=2030-01-01T00:00:00.000Z',
        `HYDRA_TASK_ID=${attempt.ref.taskId}`,
        `HYDRA_WORKER_ID=${workerId}`,
        'MINE=kept',
        'TOKEN=***',
      ].sort(),
    );
  });

  test('may be 100 KB long', async () => {
    const env = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`V${index}`, 'x'.repeat(1_024)]));
    expect((await outcome('echo "${#V0} ${#V99}"', { env })).text).toBe('1024 1024\n');
  });

  test('secrets do not show in the output, whatever stream they go to', async () => {
    const secretEnv = { PASSWORD: 'correct horse battery' };
    const { text } = await outcome('echo "a $PASSWORD b"; echo "$PASSWORD" >&2; env', {}, { secretEnv });
    expect(text).not.toContain('correct horse battery');
    expect(text).toContain('a *** b');
  });

  test('nor in the sentence that says why there was none', async () => {
    const { error, reason } = await outcome('true', {}, { secretEnv: { PATH: '/correct/horse' } });
    expect(reason).toBe('spawn_error');
    expect(error).toBe('there is no program "sh" in the command\'s PATH (***)');
  });

  test('no descriptor of the worker is passed on', async () => {
    // This process has an IPC channel to its parent, as a worker under `hydra up` has.
    expect(process.connected).toBe(true);
    const list = 'ls /proc/$$/fd; :';
    // What whoever runs the tests passes on to all is not the worker's affair.
    const ambient = execFileSync('sh', ['-c', list], { encoding: 'utf8' });
    expect((await outcome(list)).text).toBe(ambient);
  });
});

describe.runIf(isRoot)('another user', () => {
  test('is whom the command runs as, with that user’s groups and environment', async () => {
    const { text } = await outcome('id -un; id -Gn; echo "$USER $LOGNAME"; cd /; echo "$HOME"', { user: 'nobody' });
    expect(text).toMatch(/^nobody\nnogroup\nnobody nobody\n\/nonexistent\n$/);
  });

  test('can open its own streams again', async () => {
    const { text } = await outcome('echo out > /dev/stdout; echo err > /dev/stderr', { user: 'nobody' });
    expect(text.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  test('cannot do what only root can', async () => {
    expect((await outcome('kill -0 1', { user: 'nobody' })).exitCode).toBe(1);
  });

  test('a number of processes holds a fork bomb', async () => {
    const bomb = 'f() { f | f & }; f; sleep 0.5; echo survived';
    const { reason, text } = await outcome(bomb, {
      user: 'nobody',
      limits: { processes: 30 },
      timeout_ms: 10_000,
      grace_ms: 1_000,
    });
    expect(['exited', 'signalled', 'timed_out']).toContain(reason);
    expect(text).toMatch(/fork|survived/i);
  });
});

describe('limits', () => {
  test('open files', async () => {
    expect((await outcome('ulimit -n', { limits: { open_files: 33 } })).text).toBe('33\n');
  });

  test('processor time: the command is told, then killed', async () => {
    expect(await outcome('while :; do :; done', { limits: { cpu_seconds: 1 } })).toMatchObject({
      reason: 'signalled',
      signal: 'SIGXCPU',
    });
  });

  test('memory: who takes more does not get it, who reserves more may', async () => {
    // Node.js 24 sets half a gigabyte aside before it does anything.
    const limits = { memory_bytes: 1_000_000_000 };
    const greedy = `${JSON.stringify(process.execPath)} -e 'const a = []; for (;;) a.push(Buffer.alloc(10_000_000, 1))'`;
    expect((await outcome(greedy, { limits })).exitCode).not.toBe(0);
    const modest = `${JSON.stringify(process.execPath)} -e 'console.log("fine")'`;
    expect(await outcome(modest, { limits })).toMatchObject({ exitCode: 0, text: 'fine\n' });
  });
});

describe('streams', () => {
  test('bytes that are no text arrive as they are', async () => {
    const { session } = await registeredPair();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const escaped = [...all].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const { written } = await session.runToEnd(attemptOf('', {}, { command: null, argv: ['printf', escaped] }));
    expect(written.stdout.equals(all)).toBe(true);
  });

  test('each stream is kept apart', async () => {
    const { session } = await registeredPair();
    const { written } = await session.runToEnd(attemptOf('echo out; echo err >&2'));
    expect([written.stdout.toString(), written.stderr.toString()]).toEqual(['out\n', 'err\n']);
  });

  test('merged, their order is exact', async () => {
    const loop = 'i=0; while [ $i -lt 200 ]; do echo $i; echo $i >&2; i=$((i+1)); done';
    const { text } = await outcome(loop, { merge_stderr: true });
    expect(text).toBe(Array.from({ length: 200 }, (_, i) => `${i}\n${i}\n`).join(''));
  });

  test('can be opened again by their names', async () => {
    const { text } = await outcome('echo one > /dev/stdout; echo two | tee /dev/stderr; cat /dev/stdin', {
      merge_stderr: true,
    });
    expect(text).toBe('one\ntwo\ntwo\n');
  });

  test('a command that closes its streams runs on', async () => {
    const file = join(temporaryFolder(), 'done');
    const { reason, exitCode } = await outcome(`exec >&- 2>&-; sleep 0.3; echo done > ${file}; exit 4`);
    expect({ reason, exitCode }).toEqual({ reason: 'exited', exitCode: 4 });
    expect(existsSync(file)).toBe(true);
  });

  test('standard input is empty', async () => {
    expect((await outcome('wc -c')).text.trim()).toBe('0');
  });
});

describe('what cannot be run ends at once, with a sentence', () => {
  const missing = '/nonexistent/program';
  test.each<[string, RunOptions, Partial<Run>, RegExp]>([
    ['no shell', { shell: 'no-such-shell' }, {}, /^there is no program "no-such-shell" in the command's PATH/],
    ['no program', {}, { command: null, argv: ['no-such-program', 'x'] }, /^there is no program "no-such-program"/],
    ['no file', {}, { command: null, argv: [missing] }, /^"\/nonexistent\/program" cannot be run: it does not exist/],
    ['no folder', { cwd: '/nonexistent' }, {}, /^cwd "\/nonexistent" cannot be used: it does not exist/],
    ['a file for a folder', { cwd: '/etc/passwd' }, {}, /^cwd "\/etc\/passwd" cannot be used: it is not a folder/],
    ['no user', { user: 'no-such-user' }, {}, /^there is no user no-such-user on this worker/],
    [
      'too high a limit',
      { limits: { open_files: 2 ** 40 } },
      {},
      /^limits.open_files is \d+, and the worker itself is/,
    ],
    ['too long', { env: { LONG: 'x'.repeat(200_000) } }, {}, /longer than the system takes \(E2BIG\)/],
    ['a NUL', { env: { NUL: 'a\0b' } }, {}, /null bytes/],
    ['no PATH', { env: { PATH: '/nonexistent' } }, {}, /^there is no program "sh" in the command's PATH/],
  ])('%s', async (_, options, run, error) => {
    const { reason, startedAgeUs, exitCode, error: why, text } = await outcome('true', options, run);
    expect({ reason, startedAgeUs, exitCode, text }).toEqual({
      reason: 'spawn_error',
      startedAgeUs: null,
      exitCode: null,
      text: '',
    });
    expect(why).toMatch(error);
  });

  test('an interpreter that is missing', async () => {
    const file = join(temporaryFolder(), 'script');
    writeFileSync(file, '#!/nonexistent/interpreter\n', { mode: 0o755 });
    expect(await outcome('', {}, { command: null, argv: [file] })).toMatchObject({
      reason: 'spawn_error',
      error: expect.stringContaining('ENOENT') as string,
    });
  });
});

describe('the policy', () => {
  function policyFile(policy: object): string {
    const file = join(temporaryFolder(), 'policy.json');
    writeFileSync(file, JSON.stringify(policy));
    return file;
  }

  test('refuses by text and by arguments, and names the rule', async () => {
    const rules = [{ name: 'no-rm', action: 'deny', prefix: 'rm -rf' }];
    const { session, worker } = await registeredPair({}, { HYDRA_POLICY_FILE: policyFile({ rules }) });
    const rejection = {
      startedAgeUs: null,
      result: {
        reason: 'rejected',
        exitCode: null,
        signal: null,
        error: 'the rule "no-rm" of this worker\'s policy refuses the command',
      },
    };
    expect(await session.run(attemptOf('  rm -rf /nonexistent'))).toMatchObject(rejection);
    const argv = ['rm', '-rf', '/nonexistent'];
    expect(await session.run(attemptOf('', {}, { command: null, argv }))).toMatchObject(rejection);
    expect((await session.run(attemptOf('echo rm -rf'))).result.exitCode).toBe(0);
    expect(await metric(worker, 'hydra_worker_policy_rejections_total')).toBe(2);
  });

  test.runIf(isRoot)('knows whom a command would run as, by whatever name', async () => {
    const rules = [{ name: 'no-nobody', action: 'deny', users: ['nobody'] }];
    const env = { HYDRA_POLICY_FILE: policyFile({ rules }) };
    expect((await outcome('true', { user: 'nobody' }, {}, env)).reason).toBe('rejected');
    expect((await outcome('true', { user: '65534' }, {}, env)).reason).toBe('rejected');
    expect((await outcome('true', {}, {}, env)).reason).toBe('exited');
  });
});
