import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DUE_CHANNEL } from '../../src/db/channels.ts';
import { Listening } from '../db/support/listening.ts';
import { anyInput, validInput } from '../domain/support/inputs.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

type Payload = string | Buffer | object;

function post(payload: Payload | undefined, contentType: string | null = 'application/json') {
  return server.app.inject({
    method: 'POST',
    url: '/schedule',
    headers: contentType === null ? {} : { 'content-type': contentType },
    ...(payload !== undefined && { payload }),
  });
}

async function count(): Promise<number> {
  const { rows } = await server.database.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM tasks');
  return rows[0]?.count ?? -1;
}

describe('POST /schedule', () => {
  test('stores a task and says where it is', async () => {
    const response = await post({ command: 'echo hi', scheduled_at: '2030-01-31T10:00:00+01:00' });
    expect(response.statusCode).toBe(201);
    const { message, task_id: id } = response.json<{ message: string; task_id: string }>();
    expect(message).toBe('Task scheduled');
    expect(response.headers.location).toBe(`/schedule/${id}`);
    const task = await server.app.inject({ url: String(response.headers.location) });
    expect(task.json()).toMatchObject({ id, command: 'echo hi', scheduled_at: '2030-01-31T09:00:00.000Z' });
  });

  test.each([undefined, ''])('takes scheduled_at %j for now', async (scheduledAt) => {
    const before = Date.now();
    const response = await post({ command: 'true', scheduled_at: scheduledAt });
    const task = await server.app.inject({ url: String(response.headers.location) });
    const instant = Date.parse(task.json<{ scheduled_at: string }>().scheduled_at);
    // The test and PostgreSQL share a clock.
    expect(instant).toBeGreaterThanOrEqual(before - 1);
    expect(instant).toBeLessThanOrEqual(Date.now());
  });

  test('stores whatever has no fault', async () => {
    await fc.assert(
      fc.asyncProperty(validInput, async (drawn) => {
        const response = await post(JSON.stringify(drawn));
        expect(response.statusCode, response.body).toBe(201);
      }),
      { numRuns: 200 },
    );
  });

  test.each(['stdin', 'stdin_base64'])('takes 16 MiB of %s', async (field) => {
    const bytes = Buffer.alloc(16 * 1024 * 1024, 'stdin of sixteen mebibytes ');
    const text = field === 'stdin' ? bytes.toString() : bytes.toString('base64');
    const response = await post({ command: 'cat', [field]: text });
    expect(response.statusCode).toBe(201);
    const { rows } = await server.database.pool.query<{ data: Buffer }>(
      'SELECT data FROM task_stdin WHERE task_id = $1',
      [response.json<{ task_id: string }>().task_id],
    );
    expect(rows[0]?.data.equals(bytes)).toBe(true);
  });

  test('answers 200 with the first task when an idempotency_key comes again', async () => {
    const first = await post({ command: 'echo first', idempotency_key: 'once' });
    const again = await post({ argv: ['echo', 'second'], stdin: 'x', nice: 5, idempotency_key: 'once' });
    expect([first.statusCode, again.statusCode]).toEqual([201, 200]);
    expect(again.json<{ task_id: string }>().task_id).toBe(first.json<{ task_id: string }>().task_id);
    expect(again.headers.location).toBe(first.headers.location);
  });

  test('makes one task of many requests with one key at the same time', async () => {
    const requests = Array.from({ length: 20 }, () => post({ command: 'true', idempotency_key: 'race' }));
    const responses = await Promise.all(requests);
    expect(responses.filter(({ statusCode }) => statusCode === 201)).toHaveLength(1);
    expect(new Set(responses.map(({ headers }) => headers.location)).size).toBe(1);
  });

  test('answers each of many requests at the same time with its own task', async () => {
    const commands = Array.from({ length: 200 }, (_, i) => `echo ${i}`);
    const responses = await Promise.all(commands.map((command) => post({ command })));
    const ids = responses.map((response) => response.json<{ task_id: string }>().task_id);
    const { rows } = await server.database.pool.query<{ command: string }>(
      'SELECT command FROM tasks JOIN unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) USING (id) ORDER BY n',
      [ids],
    );
    expect(rows.map(({ command }) => command)).toEqual(commands);
  });

  test('wakes the coordinators for what is due', async () => {
    const listening = await Listening.on(server.database.url, DUE_CHANNEL);
    try {
      await Promise.all(Array.from({ length: 50 }, () => post({ command: 'true' })));
      await server.services.announcer.settled();
      const heard = await listening.heard();
      expect(heard.length).toBeGreaterThan(0);
      expect(heard.length).toBeLessThan(25);

      await post({ command: 'true', scheduled_at: '2030-01-31' });
      await server.services.announcer.settled();
      expect(await listening.heard()).toEqual([]);
    } finally {
      await listening.stop();
    }
  });
});

describe('POST /schedule refuses', () => {
  test('faults of several fields at once', async () => {
    const before = await count();
    const response = await post({ comand: 'true', scheduled_at: '2030-02-30', priority: '5' });
    expect(problemOf(response)).toMatchObject({ status: 400, title: 'Bad Request', code: 'invalid_argument' });
    expect(faultsOf(response)).toEqual({
      command: 'is missing; give a string such as "echo hello", or a program and its arguments in argv',
      comand: expect.stringContaining('did you mean command?') as string,
      scheduled_at: expect.stringContaining('is not a date that exists: its day cannot be 30') as string,
      priority: 'is the string "5"; give a whole number from -100 to 100',
    });
    expect(await count()).toBe(before);
  });

  test.each<[string, Payload | undefined, string | null, number, string, string]>([
    ['no body', undefined, null, 400, 'body', 'is missing; give a JSON object such as'],
    ['no body of JSON', undefined, 'application/json', 400, 'body', 'is missing; give a JSON object such as'],
    ['an empty body', '', 'application/json', 400, 'body', 'is missing; give a JSON object such as'],
    ['text', 'echo hi', 'text/plain', 415, 'content-type', 'is text/plain; send JSON as application/json'],
    ['a form', 'command=x', 'application/x-www-form-urlencoded', 415, 'content-type', 'send JSON as application/json'],
    ['JSON without saying so', '{"command":"x"}', null, 415, 'content-type', 'is missing; send JSON'],
    ['half of a JSON object', '{"command":', 'application/json', 400, 'body', 'is not JSON (Unexpected end'],
    ['JSON that is no object', '["true"]', 'application/json', 400, 'body', 'is an array; give a JSON object such as'],
    [
      'bytes that are not UTF-8',
      Buffer.from('{"command":"\xff"}', 'latin1'),
      'application/json',
      400,
      'body',
      'not valid UTF-8',
    ],
    ['NUL bytes', '{"command":"echo \\u0000"}', 'application/json', 400, 'command', 'contains a NUL character'],
    ['a raw NUL byte', '{"command":"echo \0"}', 'application/json', 400, 'body', 'is not JSON'],
    ['half a surrogate pair', '{"command":"\\ud800"}', 'application/json', 400, 'command', 'half of a surrogate pair'],
    ['__proto__', '{"command":"x","__proto__":{"a":1}}', 'application/json', 400, '__proto__', 'is not a known field'],
    [
      'a command of 1 MB',
      { command: 'x'.repeat(1_000_000) },
      'application/json',
      400,
      'command',
      'is 1000000 bytes long',
    ],
    [
      'stdin of 17 MB',
      { command: 'true', stdin: 'x'.repeat(17_000_000) },
      'application/json',
      400,
      'stdin',
      'is 17000000 bytes long',
    ],
    [
      'a body of 26 MB',
      { command: 'x'.repeat(26_000_000) },
      'application/json',
      413,
      'body',
      'larger than the 25165824 bytes',
    ],
    ['a deep body', '['.repeat(500_000), 'application/json', 400, 'body', 'is not JSON'],
    [
      'a deep command',
      `{"command":${'['.repeat(9e5)}${']'.repeat(9e5)}}`,
      'application/json',
      400,
      'command',
      'is an array',
    ],
  ])('%s', async (_what, payload, contentType, status, field, message) => {
    const before = await count();
    const response = await post(payload, contentType);
    expect(problemOf(response).status).toBe(status);
    expect(faultsOf(response)).toEqual({ [field]: expect.stringContaining(message) as string });
    expect(await count()).toBe(before);
  });

  test('compressed bodies', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const response = await server.app.inject({ method: 'POST', url: '/schedule', headers, payload: 'x' });
    expect(response.statusCode).toBe(415);
    expect(faultsOf(response)).toEqual({ 'content-encoding': 'is gzip; send the body as it is' });
  });

  test('parameters in the URL', async () => {
    const response = await server.app.inject({ method: 'POST', url: '/schedule?dry=1', payload: { command: 'true' } });
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response)).toEqual({ dry: 'is not known here; remove it' });
  });

  test('whatever else it is sent, without a fault of its own, and without storing anything', async () => {
    let stored = await count();
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(anyInput, async (drawn) => {
        const response = await post(JSON.stringify(drawn));
        statuses.add(response.statusCode);
        if (response.statusCode === 201) stored++;
        else if (response.statusCode !== 200) {
          expect(problemOf(response).status).toBe(400);
          expect(problemOf(response).errors.filter(({ field }) => field === '')).toEqual([]);
          expect(problemOf(response).errors.length).toBeGreaterThan(0);
        }
        expect(await count()).toBe(stored);
      }),
      { numRuns: 1_000 },
    );
    expect(statuses.has(201) && statuses.has(400)).toBe(true);
    expect(server.log.filter(({ level }) => level >= 40)).toEqual([]);
  });
});
