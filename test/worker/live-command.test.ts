import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Guardian } from '../../src/worker/guardian/guardian.ts';
import { LiveCommand } from '../../src/worker/live-command.ts';
import { Pipes } from '../../src/worker/pipes.ts';
import { spawnCommand, type RunningCommand } from '../../src/worker/spawn-command.ts';

/** Stands for one that finds processes that it cannot kill: they wait for a device, which no test can bring about. */
class Helpless extends Guardian {
  readonly ended: boolean[] = [];

  constructor() {
    super({ logger: pino({ level: 'silent' }), cgroup: null, workerMark: null });
  }

  override end(_key: string, options: { readonly spareBackground: boolean }) {
    this.ended.push(options.spareBackground);
    return Promise.resolve({ usage: { cpuMs: 1, peakMemoryBytes: 2 }, survivors: 1, fenced: false });
  }
}

async function started(shell: string): Promise<{ readonly command: RunningCommand; readonly read: Promise<void> }> {
  const pipes = new Pipes();
  onTestFinished(() => pipes.close());
  const output = { stdout: await pipes.take(), stderr: null };
  const environment = { PATH: process.env.PATH ?? '' };
  const spawned = await spawnCommand({ argv: ['sh', '-c', shell], cwd: '/', environment, hasStdin: false, output });
  if (!spawned.ok) throw new Error(spawned.error);
  const { command } = spawned;
  command.stdout.resume();
  return { command, read: new Promise((resolve) => command.stdout.once('close', resolve)) };
}

function liveOf(command: RunningCommand, guardian: Guardian): LiveCommand {
  return new LiveCommand({
    key: 'k',
    command,
    guardian,
    stopSignal: 'SIGTERM',
    graceMs: 50,
    onKill: () => undefined,
  });
}

test('a command that cannot be killed is given up, and told of', async () => {
  const { command, read } = await started('exec sleep 600');
  onTestFinished(() => void process.kill(command.pid, 'SIGKILL'));
  const never = new Promise<never>(() => undefined);
  // As if SIGKILL did nothing: the group is another one, and the end is not seen.
  const live = liveOf({ ...command, pid: 2 ** 22 + 1, exited: never }, new Helpless());
  live.kill();
  const exit = await live.ended;
  expect(exit).toMatchObject({ exitCode: null, signal: null });
  const cleared = await live.close(exit, false, read, () => undefined);
  expect(cleared.survivors).toBe(1);
  await read; // whoever still holds the other end
});

test('a stream that somebody holds who cannot be killed is not waited for', async () => {
  // It leaves the group, and nobody kills it.
  const { command, read } = await started("setsid sh -c 'echo $$; exec sleep 600' & echo first; sleep 0.3; exit 3");
  let pid = '';
  command.stdout.on('data', (chunk: Buffer) => (pid += chunk.toString()));
  onTestFinished(() => void process.kill(Number(/\d+/.exec(pid)?.[0]), 'SIGKILL'));
  const live = liveOf(command, new Helpless());
  const exit = await live.ended;
  expect(exit.exitCode).toBe(3);
  expect(await live.close(exit, false, read, () => undefined)).toMatchObject({ survivors: 1 });
  expect(command.stdout.destroyed).toBe(true);
});

test('the guardian is asked once, and told whether what is left may live', async () => {
  const [first, second] = [new Helpless(), new Helpless()];
  const background = await started('sleep 0.5 & exit 1');
  const live = liveOf(background.command, first);
  let released = 0;
  const exit = await live.ended;
  await live.close(exit, true, background.read, () => (released += 1));
  live.kill();
  await live.cleared();
  expect({ ended: first.ended, released }).toEqual({ ended: [true], released: 1 });

  const stopped = await started('exec sleep 600');
  const other = liveOf(stopped.command, second);
  other.kill();
  other.kill();
  await other.close(await other.ended, false, stopped.read, () => undefined);
  expect(second.ended).toEqual([false]);
});
