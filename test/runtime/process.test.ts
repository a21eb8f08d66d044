import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { EXIT, runProcess, type ProcessParts } from '../../src/runtime/process.ts';

/** A promise that the test settles. */
function deferred<T = undefined>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

const HANDLED = ['SIGTERM', 'SIGINT', 'disconnect', 'unhandledRejection'] as const;

/** Runs `parts` in this process, which neither ends nor is signalled: exits are recorded, signals are handed in. */
function run(parts: Partial<ProcessParts> | Error) {
  const exits: unknown[] = [];
  const sent: unknown[] = [];
  vi.spyOn(process, 'exit').mockImplementation((code) => exits.push(code) as never);
  vi.spyOn(process, 'send').mockImplementation((message) => sent.push(message) > 0);
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const before = new Map(HANDLED.map((event) => [event, process.rawListeners(event)]));
  const added = (event: (typeof HANDLED)[number]) =>
    process.rawListeners(event).filter((listener) => !before.get(event)?.includes(listener));
  onTestFinished(() => {
    for (const event of HANDLED) for (const each of added(event)) process.off(event, each as () => void);
    process.exitCode = undefined;
    vi.restoreAllMocks();
  });
  const done = runProcess({}, () => {
    if (parts instanceof Error) throw parts;
    const service = { start: () => Promise.resolve(), stop: () => Promise.resolve() };
    return { service, logger: pino({ level: 'silent' }), describe: () => ({ port: '1' }), ...parts };
  });
  const receive = (event: (typeof HANDLED)[number]) => {
    for (const listener of added(event)) listener.call(process);
  };
  return { exits, sent, done, receive, stderr };
}

const READY = { kind: 'ready', details: { port: '1' } };

test('the parent is told when it runs, and a signal stops it with status 0', async () => {
  const stop = deferred();
  const { exits, sent, done, receive } = run({
    service: { start: () => Promise.resolve(), stop: () => stop.promise },
  });
  await done;
  expect(sent).toEqual([READY]);
  receive('SIGTERM');
  expect(exits).toEqual([]);
  stop.resolve(undefined);
  await expect.poll(() => exits).toEqual([EXIT.ok]);
});

test('a second signal forces, and the clean stop that ends meanwhile does not change the status', async () => {
  const [stop, force] = [deferred(), deferred()];
  const { exits, done, receive } = run({
    service: { start: () => Promise.resolve(), stop: () => stop.promise },
    force: () => force.promise,
  });
  await done;
  receive('SIGINT');
  receive('SIGINT');
  stop.resolve(undefined);
  await new Promise((resolve) => setImmediate(resolve));
  expect(exits).toEqual([]);
  force.resolve(undefined);
  await expect.poll(() => exits).toEqual([EXIT.forced]);
});

test('where the end can be brought about sooner, the second signal does that and the third forces', async () => {
  const [stop, force] = [deferred(), deferred()];
  const hasten = vi.fn();
  const { exits, done, receive } = run({
    service: { start: () => Promise.resolve(), stop: () => stop.promise },
    hasten,
    force: () => force.promise,
  });
  await done;
  receive('SIGTERM');
  expect(hasten).not.toHaveBeenCalled();
  receive('SIGTERM');
  expect(hasten).toHaveBeenCalledOnce();
  receive('SIGINT');
  force.resolve(undefined);
  await expect.poll(() => exits).toEqual([EXIT.forced]);
  expect(hasten).toHaveBeenCalledOnce();
});

test('an end that was brought about sooner is a clean one', async () => {
  const stop = deferred();
  const service = { start: () => Promise.resolve(), stop: () => stop.promise };
  const { exits, done, receive } = run({ service, hasten: () => stop.resolve(undefined) });
  await done;
  receive('SIGTERM');
  receive('SIGINT');
  await expect.poll(() => exits).toEqual([EXIT.ok]);
});

test('a stop that fails is status 1', async () => {
  const { exits, done, receive } = run({
    service: { start: () => Promise.resolve(), stop: () => Promise.reject(new Error('stuck')) },
  });
  await done;
  receive('SIGTERM');
  await expect.poll(() => exits).toEqual([EXIT.failed]);
});

test('the parent’s end stops it too', async () => {
  const { exits, done, receive } = run({});
  await done;
  receive('disconnect');
  await expect.poll(() => exits).toEqual([EXIT.ok]);
});

test('with nothing more to do it stops by itself', async () => {
  const ended = deferred<string>();
  const stop = vi.fn(() => Promise.resolve());
  const { exits, done } = run({ service: { start: () => Promise.resolve(), stop }, ended: ended.promise });
  await done;
  expect(stop).not.toHaveBeenCalled();
  ended.resolve('drained');
  await expect.poll(() => exits).toEqual([EXIT.ok]);
  expect(stop).toHaveBeenCalledOnce();
});

test('an end that a signal brought about is not taken for a second signal', async () => {
  const [ended, stop] = [deferred<string>(), deferred()];
  const force = vi.fn(() => Promise.resolve());
  const service = { start: () => Promise.resolve(), stop: () => stop.promise };
  const { exits, done, receive } = run({ service, ended: ended.promise, force });
  await done;
  receive('SIGTERM');
  ended.resolve('drained');
  await new Promise((resolve) => setImmediate(resolve));
  stop.resolve(undefined);
  await expect.poll(() => exits).toEqual([EXIT.ok]);
  expect(force).not.toHaveBeenCalled();
});

test.each(['resolves', 'rejects'])(
  'stopped before it runs, it is never ready and ends with 0: start %s',
  async (how) => {
    const [start, stop] = [deferred(), deferred()];
    const begun = deferred();
    const service = {
      start: () => {
        begun.resolve(undefined);
        return start.promise;
      },
      stop: () => stop.promise,
    };
    const { exits, sent, done, receive } = run({ service });
    await begun.promise;
    receive('SIGTERM');
    if (how === 'resolves') start.resolve(undefined);
    else start.reject(new Error('stopped'));
    await done;
    stop.resolve(undefined);
    await expect.poll(() => exits).toEqual([EXIT.ok]);
    expect(sent).toEqual([]);
  },
);

test('a start that fails is status 1', async () => {
  const { exits, done } = run({
    service: { start: () => Promise.reject(new Error('the port is taken')), stop: () => Promise.resolve() },
  });
  await done;
  expect(exits[0]).toBe(EXIT.failed);
});

test('a start that fails is status 1 also when what was started has ended by then', async () => {
  const ended = deferred<string>();
  const service = {
    start: async () => {
      ended.resolve('drained');
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('there are no pipes');
    },
    stop: () => Promise.resolve(),
  };
  const { exits, done } = run({ service, ended: ended.promise });
  await done;
  expect(exits[0]).toBe(EXIT.failed);
});

test('a wrong configuration is status 2, with every fault on standard error', async () => {
  const { done, exits, sent, stderr } = run(new ConfigError(['A is wrong', 'B is missing']));
  await done;
  expect(process.exitCode).toBe(EXIT.misconfigured);
  expect(stderr.mock.calls.flat().join('')).toBe(
    'hydra: the configuration has 2 faults:\n  A is wrong\n  B is missing\n',
  );
  expect([...exits, ...sent]).toEqual([]);
});
