import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRow } from '../db/support/rows.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

async function ended(stdout: string, stderr: string | Uint8Array, stdoutBytes = stdout.length): Promise<string> {
  const { pool } = server.database;
  const id = await seedRow(pool, { state: 'completed' });
  const bytes = Buffer.from(stderr);
  const values = [id, 1, Buffer.from(stdout), bytes, stdoutBytes, bytes.length];
  await pool.query('INSERT INTO outputs VALUES ($1, $2, $3, $4, $5, $6)', values);
  return id;
}

const get = (id: string, query = '') => server.app.inject({ url: `/schedule/${id}/output${query}` });

describe('GET /schedule/:task_id/output', () => {
  test('tells what was written', async () => {
    const id = await ended('hello\n', 'oh ✓\0');
    const response = await get(id);
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.json()).toEqual({
      task_id: id,
      attempt: 1,
      stdout: { text: 'hello\n', encoding: 'utf-8', bytes: 6, truncated: false },
      stderr: { text: 'oh ✓\0', encoding: 'utf-8', bytes: 7, truncated: false },
    });
  });

  test('is empty while there is nothing', async () => {
    const nothing = { text: '', encoding: 'utf-8', bytes: 0, truncated: false };
    const waiting = await seedRow(server.database.pool);
    expect((await get(waiting)).json()).toMatchObject({ attempt: 0, stdout: nothing, stderr: nothing });
    const running = await seedRow(server.database.pool, { state: 'running' });
    expect((await get(running, '?attempt=1')).json()).toMatchObject({ attempt: 1, stdout: nothing });
    const raw = await get(running, '?stream=stdout');
    expect([raw.statusCode, raw.body]).toEqual([200, '']);
  });

  test('gives one stream as it is', async () => {
    const id = await ended('<script>', Buffer.from([0xff, 0x00]), 1_000_000);
    const text = await get(id, '?stream=stdout');
    expect(text.body).toBe('<script>');
    expect(text.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'x-hydra-attempt': '1',
      'x-hydra-total-bytes': '1000000',
      'x-hydra-truncated': 'true',
    });
    const bytes = await get(id, '?stream=stderr&attempt=1');
    expect(bytes.rawPayload).toEqual(Buffer.from([0xff, 0x00]));
    expect(bytes.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'x-hydra-truncated': 'false',
    });
  });

  test('knows no attempt that was not made', async () => {
    const id = await ended('', '');
    const response = await get(id, '?attempt=2');
    expect(problemOf(response)).toMatchObject({ status: 404, detail: 'there is no attempt 2; the task has had 1' });
  });

  test.each([
    ['?attempt=0', 'attempt'],
    ['?attempt=2147483648', 'attempt'],
    ['?attempt=x', 'attempt'],
    ['?stream=stdin', 'stream'],
    ['?format=raw', 'format'],
  ])('%s names %s', async (query, field) => {
    const response = await get(randomUUID(), query);
    expect(response.statusCode).toBe(400);
    expect(Object.keys(faultsOf(response))).toEqual([field]);
  });

  test('does not find what there is not', async () => {
    expect((await get(randomUUID())).statusCode).toBe(404);
    expect((await get('abc')).statusCode).toBe(400);
  });
});
