import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anyInput } from '../domain/support/inputs.ts';
import { faultsOf, problemOf, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());
beforeEach(() => server.database.pool.query('TRUNCATE tasks CASCADE'));

function post(payload: string | object) {
  const headers = { 'content-type': 'application/json' };
  return server.app.inject({ method: 'POST', url: '/schedule/batch', headers, payload });
}

async function stored(): Promise<{ id: string; command: string }[]> {
  const { rows } = await server.database.pool.query<{ id: string; command: string }>('SELECT id, command FROM tasks');
  return rows;
}

describe('POST /schedule/batch', () => {
  test('stores all tasks and answers in their order', async () => {
    const commands = Array.from({ length: 10_000 }, (_, i) => `echo ${i}`);
    const response = await post({ tasks: commands.map((command) => ({ command, scheduled_at: '2030-01-31' })) });
    expect(response.statusCode).toBe(201);
    const body = response.json<{ message: string; task_ids: string[] }>();
    expect(body.message).toBe('10000 tasks scheduled');
    const byId = new Map((await stored()).map(({ id, command }) => [id, command]));
    expect(body.task_ids.map((id) => byId.get(id))).toEqual(commands);
  });

  test('keeps to idempotency keys, also within a batch', async () => {
    const tasks = ['a', 'b', 'a'].map((key) => ({ command: 'true', idempotency_key: key }));
    const first = (await post({ tasks })).json<{ message: string; task_ids: string[] }>();
    expect(first.message).toBe('2 tasks scheduled; 1 scheduled before');
    expect(first.task_ids[2]).toBe(first.task_ids[0]);
    const again = await post({ tasks });
    expect(again.statusCode).toBe(201);
    expect(again.json()).toEqual({ message: '0 tasks scheduled; 3 scheduled before', task_ids: first.task_ids });
    expect(await stored()).toHaveLength(2);
  });

  test('stores the options of each task', async () => {
    const tasks = [
      { argv: ['cat'], stdin: 'one', nice: 1 },
      { command: 'true' },
      { command: 'cat', stdin: 'three', env: { A: 'x' }, max_attempts: 2, backoff: { type: 'fixed', delay_ms: 5 } },
    ];
    const { task_ids: ids } = (await post({ tasks })).json<{ task_ids: string[] }>();
    const { rows } = await server.database.pool.query(
      `SELECT command, argv, options, retry, convert_from(data, 'UTF8') AS stdin
      FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) JOIN tasks USING (id) LEFT JOIN task_stdin ON task_id = id
      ORDER BY n`,
      [ids],
    );
    expect(rows).toEqual([
      { command: null, argv: ['cat'], options: { nice: 1 }, retry: null, stdin: 'one' },
      { command: 'true', argv: null, options: {}, retry: null, stdin: null },
      {
        command: 'cat',
        argv: null,
        options: { env: { A: 'x' } },
        retry: { max_attempts: 2, backoff: { type: 'fixed', delay_ms: 5 } },
        stdin: 'three',
      },
    ]);
  });

  test('names each fault by its index, and stores nothing', async () => {
    const response = await post({
      tasks: [
        { command: 'true' },
        { command: '' },
        'x',
        { command: 'a\0', queu: 'q', scheduled_at: 'soon' },
        { command: 'true', labels: { region: 7 } },
        { command: 'true', max_attempts: 2, retry_on: [{ on: 'exit_code', codes: [1, 999] }] },
      ],
    });
    expect(problemOf(response)).toMatchObject({ status: 400, detail: '7 faults, listed in errors' });
    expect(faultsOf(response)).toEqual({
      'tasks[1].command': 'is empty; give a string such as "echo hello"',
      'tasks[2]':
        'is the string "x"; give a JSON object such as {"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}',
      'tasks[3].queu': expect.stringContaining('did you mean queue?') as string,
      'tasks[3].command': 'contains a NUL character; remove it',
      'tasks[3].scheduled_at': expect.stringContaining('is not an ISO 8601 instant') as string,
      'tasks[4].labels.region': 'is the number 7; give a string',
      'tasks[5].retry_on[0].codes[1]': 'is 999; give a whole number from 0 to 255 or a string such as "64-78"',
    });
    expect(await stored()).toEqual([]);
  });

  test('lists a hundred faults at most, and says so', async () => {
    const response = await post({ tasks: Array.from({ length: 10_000 }, () => ({})) });
    expect(problemOf(response)).toMatchObject({ detail: '100 faults, listed in errors; there may be more' });
    expect(problemOf(response).errors).toHaveLength(100);
  });

  test.each([
    ['no tasks', {}, { tasks: 'is missing; give an array' }],
    ['an empty list', { tasks: [] }, { tasks: 'is empty; give at least 1' }],
    [
      'too many',
      { tasks: Array.from({ length: 10_001 }, () => 1) },
      { tasks: 'has 10001 entries; at most 10000 are allowed' },
    ],
    ['something else', { tasks: { command: 'true' } }, { tasks: 'is an object; give an array' }],
    [
      'a single task',
      { command: 'true' },
      { tasks: 'is missing; give an array', command: 'is not a known field; known fields are tasks' },
    ],
    ['a list alone', [{ command: 'true' }], { body: 'is an array; give a JSON object' }],
    ['nothing', '', { body: 'is missing; give a JSON object' }],
  ])('refuses %s', async (_, payload, faults) => {
    const response = await post(payload);
    expect(response.statusCode).toBe(400);
    expect(faultsOf(response)).toEqual(faults);
  });

  test('refuses whatever else it is sent, without a fault of its own, and stores all or nothing', async () => {
    const good = fc.constant({ command: 'true' });
    const bad = fc.oneof(anyInput, fc.record({ command: fc.string({ unit: 'binary' }) }));
    const tasks = fc.array(fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: bad }), { maxLength: 8 });
    const body = fc.oneof({ weight: 5, arbitrary: fc.record({ tasks }) }, { weight: 1, arbitrary: fc.jsonValue() });
    let expected = 0;
    await fc.assert(
      fc.asyncProperty(body, async (drawn) => {
        const response = await post(JSON.stringify(drawn));
        // Of those with a key that was drawn before, the answer says that they are not new.
        if (response.statusCode === 201) expected += Number.parseInt(response.json<{ message: string }>().message);
        else expect(problemOf(response).status).toBe(400);
        expect(await stored()).toHaveLength(expected);
      }),
    );
    expect(expected).toBeGreaterThan(0);
  });

  test('takes many megabytes, and says where it ends', async () => {
    const tasks = Array.from({ length: 100 }, () => ({ command: 'x'.repeat(100_000) }));
    expect((await post({ tasks })).statusCode).toBe(201);
    const response = await post(' '.repeat(64 * 1024 * 1024 + 1));
    expect(response.statusCode).toBe(413);
    expect(faultsOf(response)).toEqual({ body: 'is larger than the 67108864 bytes that are allowed here' });
  });
});
