import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getOutput } from '../../src/db/get-output.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedRow } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const NOTHING = { kept: Buffer.alloc(0), totalBytes: 0 };

describe('getOutput', () => {
  test('is empty until something was reported', async () => {
    const waiting = await seedRow(database.pool);
    const outputOf = (attempt: number) => ({ attempt, newestAttempt: attempt, stdout: NOTHING, stderr: NOTHING });
    expect(await getOutput(database.pool, waiting, null)).toEqual(outputOf(0));
    const running = await seedRow(database.pool, { state: 'running' });
    expect(await getOutput(database.pool, running, null)).toEqual(outputOf(1));
  });

  test('returns the bytes of the newest attempt, or of the one that is asked for', async () => {
    const id = await seedRow(database.pool, { state: 'completed' });
    await database.pool.query('UPDATE tasks SET attempt = 2 WHERE id = $1', [id]);
    const bytes = Buffer.from([0, 255, 10]);
    const insert = 'INSERT INTO outputs VALUES ($1, $2, $3, $4, $5, $6)';
    await database.pool.query(insert, [id, 1, 'old', '', 3, 0]);
    await database.pool.query(insert, [id, 2, bytes, 'err', 3, 6_000_000_000]);

    expect(await getOutput(database.pool, id, null)).toEqual({
      attempt: 2,
      newestAttempt: 2,
      stdout: { kept: bytes, totalBytes: 3 },
      stderr: { kept: Buffer.from('err'), totalBytes: 6_000_000_000 },
    });
    expect(await getOutput(database.pool, id, 1)).toMatchObject({
      attempt: 1,
      newestAttempt: 2,
      stdout: { kept: Buffer.from('old') },
    });
    expect(await getOutput(database.pool, id, 3)).toMatchObject({ attempt: 3, newestAttempt: 2, stdout: NOTHING });
  });

  test('knows no other tasks than there are', async () => {
    expect(await getOutput(database.pool, randomUUID(), null)).toBeNull();
  });
});
