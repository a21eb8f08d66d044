import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { readStdin } from '../../src/db/read-stdin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { COORDINATOR, report, seedClaim, seedRun } from './support/attempts.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

describe('readStdin', () => {
  test('gives all of it, piece by piece', async () => {
    const stdin = randomBytes(1_000_003);
    const key = await seedClaim(database.pool, { stdin });
    const pieces: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const piece = await readStdin(database.pool, key, offset, 262_144);
      if (piece === null || piece.length === 0) break;
      pieces.push(piece);
      offset += piece.length;
    }
    expect(pieces).toHaveLength(4);
    expect(Buffer.concat(pieces).equals(stdin)).toBe(true);
    expect(await readStdin(database.pool, key, 2 ** 53 - 1, 262_144)).toEqual(Buffer.alloc(0));
  });

  test('is at its end at once when the task has none', async () => {
    expect(await readStdin(database.pool, await seedRun(database.pool), 0, 10)).toEqual(Buffer.alloc(0));
  });

  test('is only for the current attempt, while that has not ended', async () => {
    const key = await seedRun(database.pool, { stdin: Buffer.from('in') });
    expect(await readStdin(database.pool, key, 0, 10)).toEqual(Buffer.from('in'));
    expect(await readStdin(database.pool, { ...key, attempt: 2 }, 0, 10)).toBeNull();
    expect(await readStdin(database.pool, { taskId: randomUUID(), attempt: 1 }, 0, 10)).toBeNull();
    await finishAttempts(database.pool, COORDINATOR, [report(key)]);
    expect(await readStdin(database.pool, key, 0, 10)).toBeNull();
  });
});
