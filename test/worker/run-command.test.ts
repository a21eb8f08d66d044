import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runCommand, type Command } from '../../src/worker/run-command.ts';
import { processesAppear, processesGone, processesWith } from './support/processes.ts';

const CAP_BYTES = 65_536;

function run(command: string, environment: Record<string, string> = {}): Command & { readonly mark: string } {
  const mark = `HYDRA_TASK_ID=${randomUUID()}`;
  const [name = '', value = ''] = mark.split('=');
  const path = process.env.PATH ?? '';
  return {
    ...runCommand({ command, environment: { PATH: path, [name]: value, ...environment }, capBytes: CAP_BYTES }),
    mark,
  };
}

describe('the result', () => {
  test.each([0, 1, 2, 42, 126, 127, 128, 130, 137, 254, 255])('exit code %i', async (exitCode) => {
    const { result } = await run(`exit ${exitCode}`).ended;
    expect(result).toEqual({ reason: 'exited', exitCode, signal: null, error: null });
  });

  test.each(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGSEGV', 'SIGUSR1'])('signal %s', async (signal) => {
    const { result } = await run(`kill -${signal.slice(3)} $$`).ended;
    expect(result).toEqual({ reason: 'signalled', exitCode: null, signal, error: null });
  });

  test('a child of sh that a signal ended is an exit code, as sh says it', async () => {
    const { result } = await run("sh -c 'kill -KILL $$'; exit $?").ended;
    expect(result).toEqual({ reason: 'exited', exitCode: 137, signal: null, error: null });
  });

  test('an unknown command is what sh makes of it', async () => {
    const { result, stderr } = await run('no-such-command-here').ended;
    expect(result).toMatchObject({ reason: 'exited', exitCode: 127 });
    expect(stderr.head.toString()).toContain('no-such-command-here');
  });

  test('instants are in order', async () => {
    const before = performance.now();
    const command = run('true');
    const { endedAtMs } = await command.ended;
    expect(command.startedAtMs).toBeGreaterThanOrEqual(before);
    expect(endedAtMs).toBeGreaterThanOrEqual(command.startedAtMs ?? Infinity);
    expect(endedAtMs).toBeLessThanOrEqual(performance.now());
  });
});

describe('a command that cannot be started', () => {
  test.each([
    ['without sh', 'true', { PATH: '/nonexistent' }, /^sh could not be started: .*ENOENT/],
    ['longer than the system takes', `: ${'x'.repeat(200_000)}`, {}, /^sh could not be started: .*E2BIG/],
    ['with a NUL', 'echo \0', {}, /^sh could not be started: .*null bytes/],
  ])('%s', async (_, text, environment, error) => {
    const command = run(text, environment);
    expect(command.startedAtMs).toBeNull();
    const end = await command.ended;
    expect(end.result).toEqual({
      reason: 'spawn_error',
      exitCode: null,
      signal: null,
      error: expect.stringMatching(error) as string,
    });
    expect(end.stdout).toEqual({ head: Buffer.alloc(0), totalBytes: 0 });
    command.kill();
  });
});

describe('output', () => {
  test('each stream is kept', async () => {
    const { stdout, stderr } = await run('echo out; echo err >&2').ended;
    expect(stdout).toEqual({ head: Buffer.from('out\n'), totalBytes: 4 });
    expect(stderr).toEqual({ head: Buffer.from('err\n'), totalBytes: 4 });
  });

  test('bytes that are no text are kept as they are', async () => {
    const { stdout } = await run("printf '\\000\\377\\376\\200\\n\\303'").ended;
    expect([...stdout.head]).toEqual([0x00, 0xff, 0xfe, 0x80, 0x0a, 0xc3]);
  });

  test('a writer of 10 MB is not blocked: its first bytes are kept and all are counted', async () => {
    const { result, stdout } = await run('head -c 10000000 /dev/zero | tr "\\0" x; echo done >&2').ended;
    expect(result.exitCode).toBe(0);
    expect(stdout.totalBytes).toBe(10_000_000);
    expect(stdout.head.equals(Buffer.alloc(CAP_BYTES, 'x'))).toBe(true);
  });

  test('standard input is empty', async () => {
    const { result, stdout } = await run('wc -c').ended;
    expect(result.exitCode).toBe(0);
    expect(stdout.head.toString().trim()).toBe('0');
  });

  test('what a helper writes just after the end is kept', async () => {
    const { stdout } = await run('{ sleep 0.02; echo late; } & echo early').ended;
    expect(stdout.head.toString()).toBe('early\nlate\n');
  });
});

describe('what a command leaves behind', () => {
  test('a background process that holds stdout does not hold up the end, and is killed', async () => {
    const command = run('sleep 600 & echo started');
    const { result, stdout } = await command.ended;
    expect(result).toMatchObject({ reason: 'exited', exitCode: 0 });
    expect(stdout.head.toString()).toBe('started\n');
    await processesGone(command.mark);
  });

  test('so is one that closed its streams', async () => {
    const command = run('sleep 600 >/dev/null 2>&1 </dev/null & trap "" TERM');
    await command.ended;
    await processesGone(command.mark);
  });

  test('one that left the process group does not hold up the end either', async () => {
    // The fifth field of stat is the process group; sh leads that of the command.
    const command = run('setsid sleep 600 & while [ "$(cut -d" " -f5 /proc/$!/stat)" = $$ ]; do :; done; echo out');
    const { result, stdout } = await command.ended;
    expect(result).toMatchObject({ reason: 'exited', exitCode: 0 });
    expect(stdout.head.toString()).toBe('out\n');
    for (const id of await processesWith(command.mark)) process.kill(id, 'SIGKILL');
    await processesGone(command.mark);
  });

  test('kill ends the whole group', async () => {
    const command = run('trap "" TERM INT HUP; sleep 600 & sleep 601 & sleep 602');
    await processesAppear(command.mark, 4);
    command.kill();
    expect((await command.ended).result).toMatchObject({ reason: 'signalled', signal: 'SIGKILL' });
    await processesGone(command.mark);
  });

  test.skipIf(!existsSync('/proc/self/fd'))('no descriptor of this process is passed on', async () => {
    // This process has an IPC channel to its parent, as a worker under `hydra up` has; it is one of the first few.
    expect(process.connected).toBe(true);
    const { stdout } = await run('ls /proc/$$/fd; :').ended;
    const descriptors = stdout.head.toString().trim().split('\n').map(Number);
    expect(descriptors.filter((fd) => fd < 10)).toEqual([0, 1, 2]);
  });
});
