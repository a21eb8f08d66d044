import { closeSync, mkdtempSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { closePipe, Pipes, type Pipe } from '../../src/worker/pipes.ts';

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

async function opened(): Promise<Pipes> {
  const pipes = new Pipes();
  onTestFinished(() => pipes.close());
  await pipes.open();
  return pipes;
}

test('what goes in comes out, and the end follows the last writer', async () => {
  const pipe = await (await opened()).take();
  writeSync(pipe.writeFd, 'through');
  closeSync(pipe.writeFd);
  const buffer = Buffer.alloc(100);
  expect(buffer.toString('utf8', 0, readSync(pipe.readFd, buffer))).toBe('through');
  expect(readSync(pipe.readFd, buffer)).toBe(0);
  closeSync(pipe.readFd);
});

test('any number can be taken, each its own, and nothing is left in the file system', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hydra-test-'));
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const before = descriptors();
  const pipes = await opened();
  const taken = await Promise.all(Array.from({ length: 200 }, () => pipes.take()));
  expect(new Set(taken.flatMap(({ readFd, writeFd }) => [readFd, writeFd])).size).toBe(400);
  for (const [index, pipe] of taken.entries()) writeSync(pipe.writeFd, String(index));
  const buffer = Buffer.alloc(10);
  const read = ({ readFd }: Pipe) => buffer.toString('utf8', 0, readSync(readFd, buffer));
  expect(taken.map(read)).toEqual(taken.map((_, index) => String(index)));
  taken.forEach(closePipe);
  pipes.close();
  await expect(pipes.take()).rejects.toThrow('the worker is leaving');
  await expect.poll(descriptors).toBe(before);
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that cannot be written to is named', async () => {
  vi.stubEnv('TMPDIR', '/nonexistent');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const pipes = new Pipes();
  await expect(pipes.open()).rejects.toThrow(/^cannot make pipes in \/nonexistent: .*ENOENT/);
  await expect(pipes.take()).rejects.toThrow(/^cannot make pipes in \/nonexistent: /);
  vi.unstubAllEnvs();
  closePipe(await pipes.take()); // one that failed does not stand in the way of the next
  pipes.close();
});
