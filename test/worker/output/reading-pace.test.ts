import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AttemptOutput } from '../../../src/worker/output/attempt-output.ts';
import { OutputOutbox } from '../../../src/worker/output/output-outbox.ts';
import { ReadingPace } from '../../../src/worker/output/reading-pace.ts';

const now = () => performance.now();

function run(command: string): ChildProcessByStdio<null, Readable, null> {
  const child = spawn('sh', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** The longest that the event loop did not turn while something was done, in milliseconds. */
async function longestTurn(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = now();
  const timer = setInterval(() => {
    longest = Math.max(longest, now() - before);
    before = now();
  }, 1);
  await work.finally(() => clearInterval(timer));
  return longest;
}

describe('ReadingPace', () => {
  test('shares what is read among floods, bounds it, and lets everything else go on', async () => {
    let heldUp = 0;
    const pace = new ReadingPace({ now, onHeldUp: () => (heldUp += 1) });
    const read = [0, 0, 0, 0];
    for (const index of read.keys()) {
      void pace.read(run('yes').stdout, (chunk) => (read[index] = (read[index] ?? 0) + chunk.length));
    }
    await expect.poll(() => Math.min(...read), { interval: 5 }).toBeGreaterThan(0);
    const before = [...read];
    const heldUpBefore = heldUp;
    const begin = now();
    let quietMs = 0;
    const turn = await longestTurn(
      (async () => {
        // Meanwhile a command that writes a little is heard as soon as ever.
        for (let i = 0; i < 10; i++) {
          const quiet = run('echo hello');
          const exited = once(quiet, 'exit').then(() => now());
          let heardAtMs = 0;
          await pace.read(quiet.stdout, () => (heardAtMs = now()));
          quietMs = Math.max(quietMs, heardAtMs - (await exited));
        }
        await delay(500);
      })(),
    );
    const seconds = (now() - begin) / 1_000;
    const rates = read.map((bytes, index) => (bytes - (before[index] ?? 0)) / seconds / 1e6);
    const sum = rates.reduce((a, b) => a + b);
    expect(sum).toBeLessThan(300); // MB/s
    expect(heldUp - heldUpBefore).toBeGreaterThan(5);
    expect(heldUp - heldUpBefore).toBeLessThanOrEqual(seconds * 100 + 1); // once in each slice of 10 ms at most
    expect(sum).toBeGreaterThan(20);
    expect(Math.min(...rates)).toBeGreaterThan(sum / 12);
    expect(quietMs).toBeLessThan(250);
    expect(turn).toBeLessThan(250);
  });

  test('gives none of two that always have more to read all there is', async () => {
    const pace = new ReadingPace({ now, onHeldUp: () => undefined });
    const chunk = Buffer.alloc(65_536);
    const read = [0, 0];
    const streams = [0, 1].map(() => new Readable({ read: () => undefined, highWaterMark: 2 * chunk.length }));
    for (const [index, stream] of streams.entries()) {
      stream._read = () => void stream.push(chunk);
      void pace.read(stream, ({ length }) => (read[index] = (read[index] ?? 0) + length));
    }
    await expect.poll(() => Math.max(...read)).toBeGreaterThan(50e6);
    for (const stream of streams) stream.destroy();
    expect(Math.min(...read)).toBeGreaterThan(25e6);
  });

  test('reads to the end of each of more floods than a slice has shares for', async () => {
    const pace = new ReadingPace({ now, onHeldUp: () => undefined });
    const sizes = await Promise.all(
      Array.from({ length: 60 }, async () => {
        let bytes = 0;
        await pace.read(run('head -c 1000000 /dev/zero').stdout, (chunk) => (bytes += chunk.length));
        return bytes;
      }),
    );
    expect(sizes).toEqual(sizes.map(() => 1_000_000));
  });

  test('takes a stream that is destroyed for one that has ended', async () => {
    const pace = new ReadingPace({ now, onHeldUp: () => undefined });
    const { stdout } = run('yes');
    const read = pace.read(stdout, () => undefined);
    await once(stdout, 'pause');
    stdout.destroy(new Error('as the test wants it'));
    await read;
    await pace.read(stdout, () => undefined);
  });
});

describe('a command that writes 1 GB', () => {
  test('takes no more memory than one that writes the limit', async () => {
    const outbox = new OutputOutbox({ now, onBound: () => undefined });
    let sentBytes = 0;
    outbox.open(({ chunks }, taken) => {
      sentBytes += chunks.reduce((sum, { data }) => sum + data.length, 0);
      setImmediate(taken);
      setTimeout(() => outbox.acknowledged({ kind: 'output_ack', stored: chunks, superseded: [] }), 5);
    }, 256 * 1024);
    const attempt = (command: string): [AttemptOutput, Promise<void>] => {
      const output = outbox.begin(
        { taskId: randomUUID(), attempt: 1 },
        { limitBytes: 1024 * 1024, secrets: ['not written'], onLimit: null },
      );
      return [output, output.read(run(command).stdout, null)];
    };
    const [first, firstRead] = attempt('head -c 20000000 /dev/zero');
    await firstRead;
    await first.finish();

    const before = process.memoryUsage().rss;
    let most = 0;
    let heldBytes = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
      heldBytes = Math.max(heldBytes, outbox.heldBytes);
    }, 5);
    onTestFinished(() => clearInterval(timer));
    sentBytes = 0;
    const [output, read] = attempt('head -c 1000000000 /dev/zero');
    await read;
    expect(await output.finish()).toEqual([]);
    expect(most - before).toBeLessThan(100e6);
    expect(heldBytes).toBeLessThan(2e6);
    expect(sentBytes).toBeLessThan(3e6); // the limit, and some of it twice
    expect(outbox.heldBytes).toBe(0);
  });
});
