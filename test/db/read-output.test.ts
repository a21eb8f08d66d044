import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readOutputPieces } from '../../src/db/read-output-pieces.ts';
import { readOutput } from '../../src/db/read-output.ts';
import { watchOutputs } from '../../src/db/watch-outputs.ts';
import type { OutputPiece } from '../../src/domain/output.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedOutput } from './support/output.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** All of stdout. */
function piece(start: number, data: string | Buffer): OutputPiece {
  const bytes = Buffer.from(data);
  const end = start + bytes.length;
  const segments = bytes.length === 0 ? [] : [bytes.length];
  return { start, data: bytes, segments, stdoutEnd: end, stderrEnd: 0, replacesFrom: null };
}

const MIXED = {
  start: 5,
  data: Buffer.from([255, 0, 10]),
  segments: [-1, 2],
  stdoutEnd: 7,
  stderrEnd: 1,
  replacesFrom: null,
};

describe('readOutput', () => {
  test('tells where the pieces lie, of the newest attempt or of the one that is asked for', async () => {
    const id = await seedRow(database.pool, { state: 'running' });
    await database.pool.query('UPDATE tasks SET attempt = 2 WHERE id = $1', [id]);
    await seedOutput(database.pool, id, 1, [piece(0, 'old')]);
    await seedOutput(database.pool, id, 2, [piece(0, 'hello'), MIXED, piece(6_000_000_000, '')]);
    expect(await readOutput(database.pool, id, null)).toEqual({
      attempt: 2,
      newestAttempt: 2,
      complete: false,
      spans: [
        { start: 0, stdoutEnd: 5, stderrEnd: 0, stdoutBytes: 5 },
        { start: 5, stdoutEnd: 7, stderrEnd: 1, stdoutBytes: 2 },
        { start: 6_000_000_000, stdoutEnd: 6_000_000_000, stderrEnd: 0, stdoutBytes: 0 },
      ],
    });
    expect(await readOutput(database.pool, id, 1)).toMatchObject({ attempt: 1, complete: true, spans: [{ start: 0 }] });
    expect(await readOutput(database.pool, id, 3)).toMatchObject({ attempt: 3, newestAttempt: 2, spans: [] });
    expect(await readOutput(database.pool, randomUUID(), null)).toBeNull();
  });

  test('knows when nothing more comes', async () => {
    const completeOf = async (sql: string, state: 'scheduled' | 'picked' | 'running' | 'failed' | 'cancelled') => {
      const id = await seedRow(database.pool, { state });
      if (sql !== '') await database.pool.query(`UPDATE tasks SET ${sql} WHERE id = $1`, [id]);
      return (await readOutput(database.pool, id, null))?.complete;
    };
    expect(await completeOf('', 'scheduled')).toBe(false);
    expect(await completeOf('attempt = 1', 'scheduled')).toBe(true); // that one
    expect(await completeOf('', 'picked')).toBe(false);
    expect(await completeOf('', 'failed')).toBe(true);
    expect(await completeOf('', 'cancelled')).toBe(true);
  });
});

describe('readOutputPieces', () => {
  test('reads from the piece on that the position lies in', async () => {
    const id = await seedRow(database.pool, { state: 'running' });
    const pieces = [piece(0, 'hello'), MIXED, piece(20, 'world'), piece(25, '')];
    await seedOutput(database.pool, id, 1, pieces);
    await seedOutput(database.pool, id, 2, [piece(0, 'other')]);
    const from = (position: number) => readOutputPieces(database.pool, { taskId: id, attempt: 1 }, position);
    expect(await from(0)).toEqual(pieces);
    expect(await from(4)).toEqual(pieces);
    expect(await from(5)).toEqual(pieces.slice(1));
    expect(await from(8)).toEqual(pieces.slice(2)); // a gap
    expect(await from(19)).toEqual(pieces.slice(2));
    expect(await from(24)).toEqual(pieces.slice(2));
    expect(await from(25)).toEqual(pieces.slice(3));
    expect(await from(26)).toEqual([]);
  });

  test('reads a bounded amount at once', async () => {
    const id = await seedRow(database.pool, { state: 'running' });
    const size = 60_000;
    const pieces = Array.from({ length: 12 }, (_, index) => piece(index * size, Buffer.alloc(size, index)));
    await seedOutput(database.pool, id, 1, pieces);
    const read = async (from: number) =>
      (await readOutputPieces(database.pool, { taskId: id, attempt: 1 }, from)).map(({ data }) => [
        data[0],
        data.length,
      ]);
    const numbers = (...indexes: number[]) => indexes.map((index) => [index, size]);
    expect(await read(0)).toEqual(numbers(0, 1, 2, 3, 4));
    expect(await read(5 * size + 1)).toEqual(numbers(5, 6, 7, 8, 9));
    expect(await read(10 * size)).toEqual(numbers(10, 11));
  });
});

describe('watchOutputs', () => {
  test('tells how far each task is, of an attempt or of the newest', async () => {
    const waiting = await seedRow(database.pool);
    const ended = await seedRow(database.pool, { state: 'failed' });
    await database.pool.query('UPDATE tasks SET attempt = 2 WHERE id = $1', [ended]);
    const past = `INSERT INTO past_attempts (task_id, attempt, picked_at, ended_at, reason, signal) VALUES ($1, 1, now(), now(), 'signalled', 'SIGBUS')`;
    await database.pool.query(past, [ended]);
    await seedOutput(database.pool, ended, 1, [piece(0, 'hello'), piece(9, 'x')]);
    await seedOutput(database.pool, ended, 2, [piece(0, 'abc')]);
    const none = { reason: null, exitCode: null, signal: null, error: null };
    const progress = await watchOutputs(database.pool, [
      { taskId: waiting, attempt: null },
      { taskId: ended, attempt: 1 },
      { taskId: ended, attempt: null },
      { taskId: randomUUID(), attempt: null },
    ]);
    expect(progress).toHaveLength(3);
    expect(progress).toEqual(
      expect.arrayContaining([
        { taskId: waiting, attempt: null, state: 'scheduled', newestAttempt: 0, outputEnd: 0, ...none },
        {
          taskId: ended,
          attempt: 1,
          state: 'failed',
          newestAttempt: 2,
          outputEnd: 10,
          ...none,
          reason: 'signalled',
          signal: 'SIGBUS',
        },
        {
          taskId: ended,
          attempt: null,
          state: 'failed',
          newestAttempt: 2,
          outputEnd: 3,
          ...none,
          reason: 'exited',
          exitCode: 3,
        },
      ]),
    );
    expect(await watchOutputs(database.pool, [])).toEqual([]);
  });
});
