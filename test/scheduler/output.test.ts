import { randomBytes, randomUUID } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OutputPiece } from '../../src/domain/output.ts';
import { slicePiece } from '../../src/domain/output-slice.ts';
import { seedOutput } from '../db/support/output.ts';
import { seedRow } from '../db/support/rows.ts';
import { piecesOf } from './support/pieces.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

async function seeded(pieces: readonly OutputPiece[], state: 'completed' | 'running' = 'completed'): Promise<string> {
  const { pool } = server.database;
  const id = await seedRow(pool, { state });
  await seedOutput(pool, id, 1, pieces);
  return id;
}

const get = (id: string, query = '', headers: Record<string, string> = {}) =>
  server.app.inject({ url: `/schedule/${id}/output${query}`, headers });

const KEPT = { encoding: 'utf-8', truncated: false, dropped_bytes: 0, gap_at: null };

/** The first 11 and the last 7 bytes of an output, both streams in turn. */
const TRUNCATED = piecesOf(
  { out: 'head ' },
  { err: 'error\n' },
  { dropped: { out: 1_000, err: 20 } },
  { out: 'tail\n' },
  { err: '!\n' },
);

describe('as JSON', () => {
  test('tells what was written', async () => {
    const id = await seeded(piecesOf({ out: 'hel', err: 'oh ' }, { out: 'lo\n', err: '✓\0' }));
    const response = await get(id.toUpperCase());
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.json()).toEqual({
      task_id: id,
      attempt: 1,
      complete: true,
      stdout: { ...KEPT, text: 'hello\n', bytes: 6 },
      stderr: { ...KEPT, text: 'oh ✓\0', bytes: 7 },
    });
  });

  test('tells where something is missing', async () => {
    const id = await seeded(TRUNCATED);
    const cut = { encoding: 'utf-8', truncated: true };
    expect((await get(id)).json()).toMatchObject({
      stdout: { ...cut, text: 'head tail\n', bytes: 1_010, dropped_bytes: 1_000, gap_at: 5 },
      stderr: { ...cut, text: 'error\n!\n', bytes: 28, dropped_bytes: 20, gap_at: 6 },
    });
    expect((await get(id, '?tail=7')).json()).toMatchObject({
      stdout: { text: 'd tail\n', dropped_bytes: 1_000, gap_at: 2 },
      stderr: { text: 'rror\n!\n', gap_at: 5 },
    });
    expect((await get(id, '?tail=2')).json()).toMatchObject({
      stdout: { text: 'l\n', bytes: 1_010, gap_at: null },
      stderr: { text: '!\n', gap_at: 0 },
    });
  });

  test('of a stream whose end was dropped, and of one of which nothing was kept', async () => {
    const id = await seeded(piecesOf({ out: 'head' }, { dropped: { out: 10, err: 5 } }, { out: '' }));
    expect((await get(id)).json()).toMatchObject({
      stdout: { text: 'head', bytes: 14, dropped_bytes: 10, gap_at: 4 },
      stderr: { text: '', bytes: 5, truncated: true, dropped_bytes: 5, gap_at: 0 },
    });
  });

  test('gives what is no text as base64', async () => {
    const bytes = Buffer.from([0x1b, 0x5b, 0x33, 0xff, 0x00, 0xc3]);
    const id = await seeded(piecesOf({ out: bytes }));
    expect((await get(id)).json()).toMatchObject({ stdout: { text: bytes.toString('base64'), encoding: 'base64' } });
  });

  test('is empty while there is nothing', async () => {
    const nothing = { ...KEPT, text: '', bytes: 0 };
    const waiting = await seedRow(server.database.pool);
    expect((await get(waiting)).json()).toMatchObject({
      attempt: 0,
      complete: false,
      stdout: nothing,
      stderr: nothing,
    });
    const running = await seeded([], 'running');
    expect((await get(running, '?attempt=1')).json()).toMatchObject({ attempt: 1, stdout: nothing });
    const raw = await get(running, '?stream=stdout');
    expect([raw.statusCode, raw.body, raw.headers['content-length']]).toEqual([200, '', '0']);
  });

  test('while the command runs: the head and the newest, and no half of a character whose rest is to come', async () => {
    const euro = Buffer.from('€');
    const id = await seeded(
      piecesOf(
        { out: 'head' },
        { dropped: { out: 3 } },
        { out: 'older' },
        { dropped: { out: 4 } },
        { out: 'newest' },
        { out: euro.subarray(0, 2) },
      ),
      'running',
    );
    expect((await get(id)).json()).toMatchObject({
      complete: false,
      stdout: { text: 'headnewest', encoding: 'utf-8', bytes: 24, dropped_bytes: 12, gap_at: 4 },
    });
  });

  test('knows no attempt that was not made', async () => {
    const response = await get(await seeded([]), '?attempt=2');
    expect(problemOf(response)).toMatchObject({ status: 404, detail: 'there is no attempt 2; the task has had 1' });
  });

  test.each([
    ['?attempt=0', 'attempt'],
    ['?attempt=2147483648', 'attempt'],
    ['?attempt=x', 'attempt'],
    ['?stream=stdin', 'stream'],
    ['?tail=-1', 'tail'],
    ['?tail=100l', 'tail'],
    ['?follow=yes', 'follow'],
    ['?format=raw', 'format'],
  ])('%s names %s', async (query, field) => {
    const response = await get(randomUUID(), query);
    expect(response.statusCode).toBe(400);
    expect(Object.keys(faultsOf(response))).toEqual([field]);
  });

  test('does not find what there is not', async () => {
    expect((await get(randomUUID())).statusCode).toBe(404);
    expect((await get(randomUUID(), '?follow=1')).statusCode).toBe(404);
    expect((await get('abc')).statusCode).toBe(400);
  });
});

describe('as bytes', () => {
  test('gives one stream, or both in turn, as they are', async () => {
    const id = await seeded(piecesOf({ out: '<script>' }, { err: Buffer.from([0xff, 0x00]) }, { out: ' é' }));
    const text = await get(id, '?stream=stdout');
    expect(text.body).toBe('<script> é');
    expect(text.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '11',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'x-hydra-attempt': '1',
      'x-hydra-complete': 'true',
      'x-hydra-total-bytes': '11',
      'x-hydra-dropped-bytes': '0',
      'x-hydra-truncated': 'false',
    });
    expect(text.headers).not.toHaveProperty('x-hydra-gap-at');
    const bytes = await get(id, '?stream=stderr&attempt=1');
    expect(bytes.rawPayload).toEqual(Buffer.from([0xff, 0x00]));
    expect(bytes.headers['content-type']).toBe('application/octet-stream');
    const all = await get(id, '?stream=all');
    expect(all.rawPayload).toEqual(Buffer.concat([Buffer.from('<script>'), Buffer.from([0xff, 0]), Buffer.from(' é')]));
  });

  test('says where bytes are missing, and puts nothing there', async () => {
    const id = await seeded(TRUNCATED);
    const headersOf = ({ headers }: LightMyRequestResponse) => [
      headers['x-hydra-total-bytes'],
      headers['x-hydra-dropped-bytes'],
      headers['x-hydra-gap-at'],
    ];
    const all = await get(id, '?stream=all');
    expect(all.body).toBe('head error\ntail\n!\n');
    expect(headersOf(all)).toEqual(['1038', '1020', '11']);
    const err = await get(id, '?stream=stderr');
    expect(err.body).toBe('error\n!\n');
    expect(headersOf(err)).toEqual(['28', '20', '6']);
    expect((await get(id, '?stream=all&tail=9')).body).toBe('r\ntail\n!\n');
    expect((await get(id, '?stream=stdout&tail=0')).body).toBe('');
  });

  test('gives ranges of the kept bytes', async () => {
    const id = await seeded(TRUNCATED);
    const part = await get(id, '?stream=stdout', { range: 'bytes=3-6' });
    expect([part.statusCode, part.body]).toEqual([206, 'd ta']);
    expect(part.headers).toMatchObject({
      'content-range': 'bytes 3-6/10',
      'content-length': '4',
      'x-hydra-gap-at': '5',
    });
    const end = await get(id, '?stream=all', { range: 'bytes=-3' });
    expect([end.statusCode, end.body, end.headers['content-range']]).toEqual([206, '\n!\n', 'bytes 15-17/18']);
    const beyond = await get(id, '?stream=stdout', { range: 'bytes=10-' });
    expect(problemOf(beyond)).toMatchObject({ status: 416, code: 'range_not_satisfiable' });
    expect(beyond.headers['content-range']).toBe('bytes */10');
    for (const headers of [{ range: 'bytes=2-1' }, { range: 'bytes=0-1', 'if-range': '"etag"' }]) {
      const whole = await get(id, '?stream=stdout', headers);
      expect([whole.statusCode, whole.body]).toEqual([200, 'head tail\n']);
    }
    expect((await get(id, '', { range: 'bytes=0-1' })).statusCode).toBe(200);
  });

  test('tells about it without it', async () => {
    const id = await seeded(TRUNCATED);
    const head = await server.app.inject({ method: 'HEAD', url: `/schedule/${id}/output?stream=all` });
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', '18']);
    const followed = await server.app.inject({ method: 'HEAD', url: `/schedule/${id}/output?follow=1` });
    expect([followed.statusCode, followed.body]).toEqual([200, '']);
  });

  test('gives every slice of every stream, however it was cut into pieces', async () => {
    const bytes = (minLength: number) => fc.uint8Array({ minLength, maxLength: 9 }).map((array) => Buffer.from(array));
    const step = fc.record({ out: bytes(1), err: bytes(0) });
    const gap = fc.record({ out: fc.nat({ max: 9 }), err: fc.nat({ max: 9 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 5 }),
        gap,
        fc.array(step, { maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        async (head, dropped, tail, m, n) => {
          // Something of the tail is stored whatever it is: it says how much was written.
          const id = await seeded(piecesOf(...head, { dropped }, ...tail, { out: '' }));
          const whole = { stdout: '', stderr: '', all: '' };
          for (const { out, err } of [...head, ...tail]) {
            whole.stdout += out.toString('latin1');
            whole.stderr += err.toString('latin1');
            whole.all += out.toString('latin1') + err.toString('latin1');
          }
          for (const stream of ['stdout', 'stderr', 'all'] as const) {
            const wanted = whole[stream];
            const read = async (query: string, headers = {}) =>
              (await get(id, `?stream=${stream}${query}`, headers)).rawPayload.toString('latin1');
            expect(await read('')).toBe(wanted);
            const length = n % (wanted.length + 2);
            expect(await read(`&tail=${length}`)).toBe(length === 0 ? '' : wanted.slice(-length));
            if (wanted.length === 0) continue;
            const from = m % wanted.length;
            expect(await read('', { range: `bytes=${from}-${from + length}` })).toBe(
              wanted.slice(from, from + length + 1),
            );
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('gives nothing twice where pieces overlap, as those do that came late', async () => {
    const [whole] = piecesOf({ out: '0123456789', err: 'abcde' });
    const piece = (from: number, to: number) => slicePiece(whole!, from, to);
    const id = await seeded([piece(0, 6), piece(2, 4), piece(5, 9), piece(9, 12), piece(11, 15)]);
    const read = async (query: string) => (await get(id, query)).body;
    expect(await read('?stream=all')).toBe('0123456789abcde');
    expect(await read('?stream=stdout')).toBe('0123456789');
    expect(await read('?stream=stderr')).toBe('abcde');
    expect(await read('?follow=1')).toBe('0123456789abcde');
  });

  test('gives 16 MiB page by page', async () => {
    const size = 64 * 1024;
    const bytes = randomBytes(size);
    const pieces = piecesOf(...Array.from({ length: 256 }, (_, i) => ({ [i % 3 === 0 ? 'err' : 'out']: bytes })));
    const id = await seeded(pieces);
    const all = await get(id, '?stream=all');
    expect(all.rawPayload.length).toBe(256 * size);
    expect(all.rawPayload.equals(Buffer.concat(Array<Buffer>(256).fill(bytes)))).toBe(true);
    expect((await get(id, '?stream=stderr')).rawPayload.length).toBe(86 * size);
    const slice = await get(id, '?stream=all', { range: `bytes=${200 * size - 5}-${200 * size + 4}` });
    expect(slice.rawPayload).toEqual(Buffer.concat([bytes.subarray(-5), bytes.subarray(0, 5)]));
  });
});
