import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRow } from '../db/support/rows.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
  const day = (n: number) => `2030-01-${String(n).padStart(2, '0')}T12:00:00Z`;
  const { pool } = server.database;
  await seedRow(pool, { scheduledAt: day(1), queue: 'a' });
  await seedRow(pool, { scheduledAt: day(2), queue: 'b', state: 'running', workerId: 'w1' });
  await seedRow(pool, { scheduledAt: day(3), queue: 'a', state: 'completed', workerId: 'w1' });
  await seedRow(pool, { scheduledAt: day(4), queue: 'b', state: 'failed', workerId: 'w2' });
  await seedRow(pool, { scheduledAt: day(5), queue: 'a', state: 'cancelled' });
});
afterAll(() => server.close());

interface Page {
  tasks: { scheduled_at: string; queue: string; state: string }[];
  next_cursor: string | null;
}

async function list(query: string): Promise<Page> {
  const response = await server.app.inject({ url: `/schedule${query}` });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<Page>();
}

/** The days of the tasks on the first page. */
async function days(query: string): Promise<number[]> {
  const { tasks } = await list(query);
  return tasks.map(({ scheduled_at: at }) => new Date(at).getUTCDate());
}

describe('GET /schedule', () => {
  test.each([
    ['', [5, 4, 3, 2, 1]],
    ['?state=completed', [3]],
    ['?state=completed&state=failed', [4, 3]],
    ['?state=completed,failed,running', [4, 3, 2]],
    ['?state=completed,completed', [3]],
    ['?state=expired', []],
    ['?queue=a', [5, 3, 1]],
    ['?queue=none', []],
    ['?worker=w1', [3, 2]],
    ['?worker=w1&state=running', [2]],
    ['?worker=w1&queue=a', [3]],
    ['?scheduled_from=2030-01-04T12:00:00Z', [5, 4]],
    ['?scheduled_to=2030-01-04T12:00:00Z', [3, 2, 1]],
    ['?scheduled_from=2030-01-02&scheduled_to=2030-01-04&queue=a', [3]],
    ['?scheduled_from=2030-01-04T13:00:00%2B01:00', [5, 4]],
    ['?scheduled_from=2030-01-04T13:00:00+01:00', [5, 4]],
    ['?limit=2', [5, 4]],
  ])('%s', async (query, expected) => {
    expect(await days(query)).toEqual(expected);
  });

  test('leads from page to page, to the end', async () => {
    const first = await list('?limit=2&state=scheduled,running,completed,failed');
    expect(first.tasks).toHaveLength(2);
    const second = await list(`?limit=2&state=scheduled,running,completed,failed&cursor=${first.next_cursor}`);
    expect(second.tasks.map(({ state }) => state)).toEqual(['running', 'scheduled']);
    expect(second.next_cursor).toBeNull();
  });

  test.each([
    ['?limit=0', 'limit', 'is 0; give a whole number from 1 to 1000'],
    ['?limit=1001', 'limit', 'is 1001; give a whole number from 1 to 1000'],
    ['?limit=', 'limit', 'is the string ""; give a whole number from 1 to 1000'],
    ['?limit=1e2', 'limit', 'is the string "1e2"; give a whole number'],
    ['?limit=1&limit=2', 'limit', 'is an array; give a whole number'],
    ['?limit=99999999999999999999', 'limit', 'give a whole number from 1 to 1000'],
    ['?state=complete', 'state[0]', '"complete" is not possible; did you mean completed?'],
    ['?state=', 'state[0]', 'give one of scheduled, picked'],
    ['?state=running,', 'state[1]', 'give one of scheduled, picked'],
    ['?queue=a%20b', 'queue', 'give 1 to 63 characters'],
    ['?queue=a&queue=b', 'queue', 'is an array; give a string'],
    ['?worker=', 'worker', 'is empty'],
    ['?worker=a%00', 'worker', 'contains a NUL character'],
    ['?scheduled_from=yesterday', 'scheduled_from', 'is not an ISO 8601 instant'],
    ['?scheduled_to=2030-02-30', 'scheduled_to', 'is not a date that exists'],
    ['?scheduled_from=2030-02-01&scheduled_to=2030-01-01', 'scheduled_to', 'is before scheduled_from'],
    ['?cursor=', 'cursor', 'is not a cursor'],
    ['?cursor=abc', 'cursor', 'is not a cursor'],
    ['?order=asc', 'order', 'is not a known field; known fields are state, queue'],
    ['?__proto__=1', '__proto__', 'is not a known field'],
    ['?constructor=1', 'constructor', 'is not a known field'],
  ])('%s names %s', async (query, field, message) => {
    const response = await server.app.inject({ url: `/schedule${query}` });
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response)).toEqual({ [field]: expect.stringContaining(message) as string });
  });

  test('answers any other query, without a fault of its own', async () => {
    const name = fc.constantFrom('state', 'queue', 'worker', 'scheduled_from', 'scheduled_to', 'limit', 'cursor', 'x');
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('1', 'a', 'failed,running', '2030-01-03', 'w1'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value)), async (pairs) => {
        const query = pairs.map(([key, text]) => `${key}=${encodeURIComponent(text.toWellFormed())}`).join('&');
        const response = await server.app.inject({ url: `/schedule?${query}` });
        if (response.statusCode !== 200) expect(problemOf(response).status).toBe(400);
      }),
      { numRuns: 300 },
    );
  });

  test('refuses a cursor that was altered anywhere', async () => {
    const { next_cursor: cursor } = await list('?limit=1');
    if (cursor === null) throw new Error('expected a cursor');
    for (let i = 0; i < cursor.length; i++) {
      const altered = `${cursor.slice(0, i)}${cursor[i] === 'A' ? 'B' : 'A'}${cursor.slice(i + 1)}`;
      const response = await server.app.inject({ url: `/schedule?cursor=${altered}` });
      expect(faultsOf(response)).toEqual({ cursor: expect.stringContaining('is not a cursor') as string });
    }
  });
});
