import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { storeOutput, type StoredPiece } from '../../src/db/store-output.ts';
import type { OutputPiece } from '../../src/domain/output.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { OutputModel } from '../support/output-model.ts';
import { untilBlocked } from './support/blocked.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const SQL = /* sql */ `
  SELECT start_at::int AS start, data, segments, stdout_end::int AS "stdoutEnd", stderr_end::int AS "stderrEnd"
  FROM output_chunks WHERE task_id = $1 ORDER BY attempt, start_at
`;

async function stored(taskId: string): Promise<OutputPiece[]> {
  const { rows } = await database.pool.query<OutputPiece>(SQL, [taskId]);
  return rows.map((row) => ({ ...row, replacesFrom: null }));
}

/** The bytes of an output in which each position has its own, all of stdout. */
function piece(start: number, length: number, replacesFrom: number | null = null): OutputPiece {
  const data = Buffer.from(Array.from({ length }, (_, index) => start + index));
  return { start, data, segments: length === 0 ? [] : [length], stdoutEnd: start + length, stderrEnd: 0, replacesFrom };
}

/** A running task of this coordinator. */
async function running(coordinatorId: string): Promise<string> {
  const id = await seedRow(database.pool, { state: 'running' });
  await database.pool.query('UPDATE tasks SET coordinator_id = $2 WHERE id = $1', [id, coordinatorId]);
  return id;
}

const of = (taskId: string, ...pieces: OutputPiece[]): StoredPiece[] =>
  pieces.map((one) => ({ taskId, attempt: 1, ...one }));

describe('storeOutput', () => {
  test('stores what current attempts wrote, and nothing of others', async () => {
    const coordinatorId = randomUUID();
    const id = await running(coordinatorId);
    const picked = await seedRow(database.pool, { state: 'picked' });
    const ended = await seedRow(database.pool, { state: 'completed' });
    const bytes = Buffer.from([0, 255, 0xc3, 10, 27]);
    const mixed = { start: 0, data: bytes, segments: [2, -3], stdoutEnd: 2, stderrEnd: 3, replacesFrom: null };
    const result = await storeOutput(database.pool, coordinatorId, [
      ...of(id, mixed, piece(5, 0)),
      ...of(picked, piece(0, 3)),
      ...of(ended, piece(0, 3)),
      { ...piece(0, 3), taskId: id, attempt: 2 },
      { ...piece(0, 3), taskId: randomUUID(), attempt: 1 },
    ]);
    expect(result.stored).toEqual([
      { taskId: id, attempt: 1, start: 0 },
      { taskId: id, attempt: 1, start: 5 },
      { taskId: picked, attempt: 1, start: 0 },
    ]);
    expect(result.superseded.map(({ taskId, attempt }) => [taskId, attempt])).toEqual([
      [ended, 1],
      [id, 2],
      [expect.any(String), 1],
    ]);
    expect(await stored(id)).toEqual([mixed, { ...piece(5, 0) }]);
    expect(await stored(picked)).toHaveLength(1);
    expect(await stored(ended)).toEqual([]);
    expect(await storeOutput(database.pool, coordinatorId, [])).toEqual({ stored: [], superseded: [] });
  });

  test('takes what a statement brings in any order of heads, tails, replacements and repetitions', async () => {
    const coordinatorId = randomUUID();
    const step = fc.record({
      start: fc.nat({ max: 60 }),
      length: fc.nat({ max: 20 }),
      replaces: fc.option(fc.nat({ max: 60 }), { freq: 3 }),
      again: fc.boolean(),
      split: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const id = await running(coordinatorId);
        const model = new OutputModel();
        let batch: StoredPiece[] = [];
        const flush = async () => {
          const { stored: told } = await storeOutput(database.pool, coordinatorId, batch);
          expect(told).toHaveLength(batch.length);
          batch = [];
        };
        for (const { start, length, replaces, again, split } of steps) {
          const one = piece(start, length, replaces === null ? null : Math.min(replaces, start));
          for (let times = again ? 2 : 1; times > 0; times--) {
            model.store(one);
            batch.push(...of(id, one));
          }
          if (split) await flush();
        }
        await flush();
        expect(await stored(id)).toEqual(model.pieces);
      }),
      { numRuns: 150 },
    );
  });

  test('of another coordinator, which the worker has left, nothing is removed', async () => {
    const [own, left] = [randomUUID(), randomUUID()];
    const id = await running(own);
    await storeOutput(database.pool, own, of(id, piece(0, 10), piece(20, 10)));
    // A piece of the live tail that was replaced long ago.
    const late = await storeOutput(database.pool, left, of(id, piece(15, 3, 10), piece(20, 4)));
    expect(late.superseded).toEqual([]);
    expect((await stored(id)).map(({ start, data }) => [start, data.length])).toEqual([
      [0, 10],
      [15, 3],
      [20, 10],
    ]);
    // Should it have come first, what is longer takes its place.
    await storeOutput(database.pool, left, of(id, piece(15, 5)));
    expect((await stored(id)).map(({ start, data }) => [start, data.length])).toContainEqual([15, 5]);
  });

  test('does not wait for, and so cannot deadlock with, what changes its tasks at the same time', async () => {
    const coordinatorId = randomUUID();
    const id = await running(coordinatorId);
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await cancelTask(client, id);
    const stored = await Promise.race([
      storeOutput(database.pool, coordinatorId, of(id, piece(0, 5))),
      untilBlocked(database.pool),
    ]);
    await client.query('COMMIT').finally(() => client.release());
    expect(stored).toMatchObject({ superseded: [] });
  });

  test('two statements with the same pieces do not fail each other', async () => {
    const coordinatorId = randomUUID();
    const id = await running(coordinatorId);
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await storeOutput(client, coordinatorId, of(id, piece(0, 5), piece(5, 5)));
    const second = storeOutput(database.pool, coordinatorId, of(id, piece(5, 5), piece(10, 5)));
    await untilBlocked(database.pool).finally(() => client.query('COMMIT').finally(() => client.release()));
    expect((await second).stored).toHaveLength(2);
    expect((await stored(id)).map(({ start }) => start)).toContain(10);
  });

  test('an attempt that ends meanwhile keeps what it has', async () => {
    const coordinatorId = randomUUID();
    const id = await running(coordinatorId);
    await storeOutput(database.pool, coordinatorId, of(id, piece(0, 5)));
    await database.pool.query(
      `UPDATE tasks SET state = 'completed', completed_at = now(), reason = 'exited', exit_code = 0 WHERE id = $1`,
      [id],
    );
    const { stored: told, superseded } = await storeOutput(database.pool, coordinatorId, of(id, piece(9, 5, 0)));
    expect([told, superseded]).toEqual([[], [{ taskId: id, attempt: 1 }]]);
    expect(await stored(id)).toHaveLength(1);
  });
});
