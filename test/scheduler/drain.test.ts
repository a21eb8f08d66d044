import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DRAIN_CHANNEL } from '../../src/db/channels.ts';
import { Listening } from '../db/support/listening.ts';
import { seedWorker } from '../db/support/rows.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.database.pool.query('TRUNCATE workers');
  await seedWorker(server.database.pool, { id: 'host:1.a_b-c' });
});

function drain(id: string, payload?: string | object, headers: Record<string, string> = {}) {
  const url = `/workers/${encodeURIComponent(id)}/drain`;
  return server.app.inject({ method: 'POST', url, headers, ...(payload !== undefined && { payload }) });
}

async function stored(): Promise<unknown> {
  const { rows } = await server.database.pool.query<object>('SELECT draining, drain_timeout_ms FROM workers');
  return rows[0];
}

describe('POST /workers/:worker_id/drain', () => {
  test('tells a worker to leave, and shows it', async () => {
    const listening = await Listening.on(server.database.url, DRAIN_CHANNEL);
    try {
      const response = await drain('host:1.a_b-c');
      expect(response.statusCode).toBe(202);
      expect(response.json()).toMatchObject({ id: 'host:1.a_b-c', state: 'draining', hostname: 'host' });
      expect(await listening.heard()).toEqual([{ channel: DRAIN_CHANNEL, payload: 'host:1.a_b-c' }]);
      expect(await stored()).toEqual({ draining: true, drain_timeout_ms: null });
    } finally {
      await listening.stop();
    }
  });

  test('takes a time, of several the shortest', async () => {
    expect((await drain('host:1.a_b-c', { timeout_ms: 60_000 })).statusCode).toBe(202);
    expect(await stored()).toEqual({ draining: true, drain_timeout_ms: '60000' });
    expect((await drain('host:1.a_b-c', { timeout_ms: 0 })).statusCode).toBe(202);
    expect((await drain('host:1.a_b-c', { timeout_ms: 5 })).statusCode).toBe(202);
    expect(await stored()).toEqual({ draining: true, drain_timeout_ms: '0' });
  });

  test.each<[string, string | undefined, Record<string, string>]>([
    ['no body', undefined, {}],
    ['no body, which was announced', undefined, { 'content-type': 'application/json' }],
    ['an empty body', '', { 'content-type': 'application/json' }],
    ['an empty object', '{}', { 'content-type': 'application/json' }],
  ])('takes %s', async (_, payload, headers) => {
    expect((await drain('host:1.a_b-c', payload, headers)).statusCode).toBe(202);
  });

  test.each<[unknown, Record<string, string>]>([
    [{ timeout_ms: -1 }, { timeout_ms: 'is -1; give a whole number from 0 to 31536000000 such as 60000' }],
    [
      { timeout_ms: '5s' },
      { timeout_ms: 'is the string "5s"; give a whole number from 0 to 31536000000 such as 60000' },
    ],
    [{ timeout_ms: null }, { timeout_ms: 'is null; give a whole number from 0 to 31536000000 such as 60000' }],
    [{ timeout: 5 }, { timeout: 'is not a known field; did you mean timeout_ms?' }],
    [[], { body: 'is an array; give a JSON object such as {"timeout_ms":60000}' }],
    [5, { body: 'is the number 5; give a JSON object such as {"timeout_ms":60000}' }],
  ])('refuses %j, and drains nobody', async (body, faults) => {
    const response = await drain('host:1.a_b-c', JSON.stringify(body), { 'content-type': 'application/json' });
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response)).toEqual(faults);
    expect(await stored()).toEqual({ draining: false, drain_timeout_ms: null });
  });

  test('does not find what there is not', async () => {
    expect(problemOf(await drain('nobody'))).toMatchObject({ status: 404, detail: 'there is no worker nobody' });
  });

  test.each(['a b', 'a\0', 'x'.repeat(129), 'é', "';--"])('names worker_id when it is %j', async (id) => {
    const response = await drain(id);
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response).worker_id).toMatch(/is not allowed; give the id of a worker: 1 to 128 characters/);
  });
});
