import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pieceBytes } from '../../src/coordinator/stdin-service.ts';
import type { StdinPiece__Output } from '../../src/rpc/generated/hydra/v1/StdinPiece.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { database, registered, startCoordinator, submitInput } from './support/fixture.ts';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

async function readAll(stream: ClientReadableStream<StdinPiece__Output>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const { data } of stream as AsyncIterable<StdinPiece__Output>) pieces.push(data);
  return Buffer.concat(pieces);
}

function failure(stream: ClientReadableStream<StdinPiece__Output>): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    stream.on('error', resolve);
    stream.on('end', () => reject(new Error('the call ended well')));
    stream.resume();
  });
}

/** A coordinator behind a proxy that counts the pieces read, and an attempt that reads `stdin`. */
async function withStdin(stdin: Buffer) {
  const proxy = new TcpProxy(new URL(database.url));
  onTestFinished(() => proxy.stop());
  let reads = 0;
  const coordinator = await startCoordinator({ DATABASE_URL: await proxy.start() });
  proxy.watch((sent) => {
    if (sent.includes('task_stdin')) reads++;
  });
  const scripted = await registered(coordinator);
  const id = await submitInput({ command: 'cat', stdin_base64: stdin.toString('base64') });
  const [attempt] = await scripted.attempts(1);
  expect(attempt!.run.hasStdin).toBe(true);
  return { id, proxy, ref: attempt!.ref, reads: () => reads, scripted };
}

describe('what a command reads', () => {
  test('comes whole to a slow reader, and is read from PostgreSQL no faster than that', async () => {
    const stdin = randomBytes(10_000_000);
    const { reads, ref, scripted } = await withStdin(stdin);
    const stream = scripted.stdin(ref);
    const pieces: Buffer[] = [];
    stream.on('data', ({ data }: StdinPiece__Output) => {
      pieces.push(data);
      stream.pause();
    });
    const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    while (pieces.length < 2) {
      stream.resume();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // What is on its way fills the windows of the connection and the 16 messages that gRPC keeps for a reader, and then
    // nothing more is read.
    for (let before = -1; before !== reads();) {
      before = reads();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(reads()).toBeLessThanOrEqual(5); // of 256 KiB: a megabyte at most for a command that does not read
    stream.off('data', stream.listeners('data')[0] as () => void);
    stream.on('data', ({ data }: StdinPiece__Output) => pieces.push(data));
    stream.resume();
    await ended;
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(32 * 1024);
    expect(sha256(Buffer.concat(pieces))).toBe(sha256(stdin));
    expect(reads()).toBeGreaterThanOrEqual(39);
  });

  test('can be read from anywhere on, and by many at once', async () => {
    const stdin = randomBytes(1_000_000);
    const { ref, scripted } = await withStdin(stdin);
    const offsets = [0, 1, 262_143, 262_144, 999_999, 1_000_000, 2_000_000];
    const parts = await Promise.all(offsets.map((offset) => readAll(scripted.stdin(ref, offset))));
    expect(parts.map(sha256)).toEqual(offsets.map((offset) => sha256(stdin.subarray(offset))));
  });

  test('is given to the current attempt only', async () => {
    const { id, ref, scripted } = await withStdin(Buffer.from('x'));
    const later = await failure(scripted.stdin({ taskId: id, attempt: 2 }));
    expect(later).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(later.details).toBe(`attempt 2 of task ${id} is not the current one`);
    expect(await failure(scripted.stdin({ taskId: randomUUID(), attempt: 1 }))).toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
    scripted.reportFinished(ref);
    await scripted.next('acknowledge');
    expect(await failure(scripted.stdin(ref))).toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  test('is refused with what is wrong', async () => {
    const { id, scripted } = await withStdin(Buffer.from('x'));
    const error = await failure(scripted.stdin({ taskId: 'nonsense', attempt: 1 }, 2 ** 40));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(error.details).toMatch(/ref: give .*; offset: is 1099511627776; give at most/);
    expect(await failure(scripted.stdin({ taskId: id, attempt: 0 }))).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test('is unavailable while PostgreSQL is', async () => {
    const { proxy, ref, scripted } = await withStdin(Buffer.from('x'));
    await proxy.stop();
    expect(await failure(scripted.stdin(ref))).toMatchObject({ code: status.UNAVAILABLE });
  });

  test('is not read on for a reader that has gone', async () => {
    const { reads, ref, scripted } = await withStdin(randomBytes(4_000_000));
    const stream = scripted.stdin(ref);
    await new Promise((resolve) => stream.once('data', resolve));
    stream.on('error', () => undefined);
    stream.cancel();
    const other = await readAll(scripted.stdin(ref, 3_999_999));
    expect(other).toHaveLength(1);
    expect(reads()).toBeLessThan(16);
  });
});

test.each([
  [1, 262_144],
  [256, 262_144],
  [257, 261_123],
  [1_024, 65_536],
  [16_384, 4_096],
  [100_000, 4_096],
])('while %i commands read, each has a piece of %i bytes at most', (calls, bytes) => {
  expect(pieceBytes(calls)).toBe(bytes);
});
