import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seedRow } from '../db/support/rows.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());
beforeEach(() => server.database.pool.query('TRUNCATE tasks CASCADE'));

const seed = (row: Parameters<typeof seedRow>[1]) => seedRow(server.database.pool, row);

function cancel(payload: string | object) {
  const headers = { 'content-type': 'application/json' };
  return server.app.inject({ method: 'POST', url: '/schedule/cancel', headers, payload });
}

/** Ids of tasks that are cancelled or are to be. */
async function touched(): Promise<Set<string>> {
  const { rows } = await server.database.pool.query<{ id: string }>(
    "SELECT id FROM tasks WHERE state = 'cancelled' OR cancel_requested_at IS NOT NULL",
  );
  return new Set(rows.map(({ id }) => id));
}

describe('POST /schedule/cancel', () => {
  const tasks = {
    waiting: { queue: 'a', scheduledAt: '2030-01-01' },
    later: { queue: 'a', labels: { region: 'eu', tier: 'low' }, scheduledAt: '2031-01-01' },
    picked: { queue: 'b', state: 'picked', labels: { region: 'eu' } },
    running: { queue: 'b', state: 'running', workerId: 'w1' },
    elsewhere: { queue: 'a', state: 'running', workerId: 'w2' },
    ended: { queue: 'a', state: 'completed', workerId: 'w1' },
  } as const;
  type Name = keyof typeof tasks;

  test.each<[object, readonly Name[], object]>([
    [{ all: true }, ['waiting', 'later', 'picked', 'running', 'elsewhere'], { cancelled: 2, cancelling: 3 }],
    [{ queue: 'a' }, ['waiting', 'later', 'elsewhere'], { cancelled: 2, cancelling: 1 }],
    [{ states: ['scheduled', 'scheduled'] }, ['waiting', 'later'], { cancelled: 2, cancelling: 0 }],
    [{ states: ['picked', 'running'], queue: 'b' }, ['picked', 'running'], { cancelled: 0, cancelling: 2 }],
    [{ worker: 'w1' }, ['running'], { cancelled: 0, cancelling: 1 }],
    [{ labels: { region: 'eu' } }, ['later', 'picked'], { cancelled: 1, cancelling: 1 }],
    [{ labels: { region: 'eu', tier: 'low' } }, ['later'], { cancelled: 1, cancelling: 0 }],
    [{ scheduled_from: '2030-01-01', scheduled_to: '2031-01-01' }, ['waiting'], { cancelled: 1, cancelling: 0 }],
    [{ scheduled_from: '2030-01-01T00:00:00.001Z' }, ['later'], { cancelled: 1, cancelling: 0 }],
    [{ queue: 'none' }, [], { cancelled: 0, cancelling: 0 }],
  ])('cancels what matches %j, and nothing else', async (filter, names, counts) => {
    const ids = new Map<Name, string>();
    for (const [name, row] of Object.entries(tasks)) ids.set(name as Name, await seed(row));
    const response = await cancel(filter);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual(counts);
    expect(await touched()).toEqual(new Set(names.map((name) => ids.get(name))));
    // Asking again finds nothing that was not asked before.
    expect((await cancel(filter)).json()).toEqual({ cancelled: 0, cancelling: 0 });
  });

  test('cancels thousands', async () => {
    const inserted = await server.app.inject({
      method: 'POST',
      url: '/schedule/batch',
      payload: { tasks: Array.from({ length: 2_500 }, () => ({ command: 'true', queue: 'many' })) },
    });
    expect(inserted.statusCode).toBe(201);
    expect((await cancel({ queue: 'many' })).json()).toEqual({ cancelled: 2_500, cancelling: 0 });
  });

  test.each<[string | object, Record<string, unknown>]>([
    [{}, { body: 'has no filter; give one, such as {"queue":"reports"}, or {"all":true}' }],
    ['', { body: 'is missing; give a JSON object such as {"queue":"reports","states":["scheduled"]}' }],
    ['[]', { body: 'is an array; give a JSON object such as {"queue":"reports","states":["scheduled"]}' }],
    [{ all: true, queue: 'a' }, { all: 'comes with filters; give one or the other' }],
    [{ all: false }, { all: 'is false; give true' }],
    [{ all: 'yes' }, { all: 'is the string "yes"; give true' }],
    [{ states: [] }, { states: 'is empty; give at least 1' }],
    [
      { states: ['completed', 'runing'] },
      {
        'states[0]': '"completed" is not possible; give one of scheduled, picked, running',
        'states[1]': '"runing" is not possible; did you mean running? give one of scheduled, picked, running',
      },
    ],
    [{ labels: {} }, { labels: 'is empty; give at least 1' }],
    [
      { labels: { 'a b': 'x', c: 5 } },
      { 'labels.a b': expect.any(String) as string, 'labels.c': 'is the number 5; give a string' },
    ],
    [{ queue: 'a,b' }, { queue: expect.stringContaining('"a,b" is not allowed') as string }],
    [{ worker: 'a\0' }, { worker: expect.stringContaining('give the id of a worker') as string }],
    [
      { scheduled_from: 'today', scheduled_to: 5 },
      {
        scheduled_from: expect.stringContaining('is not an ISO 8601 instant') as string,
        scheduled_to: 'is the number 5; give a string',
      },
    ],
    [
      { scheduled_from: '2030-01-02', scheduled_to: '2030-01-01' },
      { scheduled_to: 'is before scheduled_from; give a later instant' },
    ],
    [{ state: 'running' }, { state: 'is not a known field; did you mean states?' }],
  ])('refuses %j, and cancels nothing', async (filter, faults) => {
    await seed({ queue: 'a' });
    const response = await cancel(filter);
    expect(problemOf(response).status).toBe(400);
    expect(faultsOf(response)).toEqual(faults);
    expect((await touched()).size).toBe(0);
  });

  test('refuses whatever else it is sent without a fault of its own', async () => {
    const field = fc.constantFrom('all', 'states', 'queue', 'worker', 'labels', 'scheduled_from', 'scheduled_to', 'x');
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(true, 'w', ['running'], '2030-01-01'),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.dictionary(field, value, { maxKeys: 3 }), fc.jsonValue()), async (filter) => {
        const response = await cancel(JSON.stringify(filter));
        if (response.statusCode !== 200) expect(problemOf(response).errors.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
    expect(server.log).toEqual([]);
  });
});
