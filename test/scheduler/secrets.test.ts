import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

const SECRET = 'hunter2-hunter2';

let server: AppOnDatabase;
/** Everything that was answered. */
const answers: string[] = [];
beforeAll(async () => {
  server = await startAppOnDatabase({ level: 'trace' });
});
afterAll(() => server.close());

async function send(method: 'GET' | 'POST' | 'DELETE', url: string, payload?: string | object) {
  const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
  const response = await server.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  answers.push(response.body, JSON.stringify(response.headers));
  return response;
}

function expectNoSecret(): void {
  expect(answers.filter((answer) => answer.includes('hunter'))).toEqual([]);
  expect(server.log.filter((line) => JSON.stringify(line).includes('hunter'))).toEqual([]);
}

test('a secret is stored, and its name is all that is ever shown', async () => {
  const task = { command: 'true', secret_env: { API_TOKEN: SECRET, A: SECRET }, idempotency_key: 'k' };
  const { task_id: id } = (await send('POST', '/schedule', task)).json<{ task_id: string }>();
  expect((await send('POST', '/schedule', task)).statusCode).toBe(200);
  await send('POST', '/schedule/batch', { tasks: [task] });
  expect((await send('GET', `/schedule/${id}`)).json()).toMatchObject({ secret_env: ['A', 'API_TOKEN'] });
  await send('GET', '/schedule');
  await send('GET', `/schedule/${id}/attempts`);
  await send('GET', `/schedule/${id}/output`);
  await send('POST', `/schedule/${id}/run-now`);
  expect((await send('DELETE', `/schedule/${id}`)).json()).toMatchObject({ state: 'cancelled' });
  await send('POST', `/schedule/${id}/retry`);
  await send('POST', '/schedule/cancel', { all: true });
  await send('GET', '/metrics');
  const { rows } = await server.database.pool.query('SELECT secret_env FROM tasks');
  expect(rows).toEqual([{ secret_env: task.secret_env }]);
  expect(answers.length).toBeGreaterThan(20);
  expect(server.log.length).toBeGreaterThan(10);
  expectNoSecret();
});

test.each<[string, string | object]>([
  ['a value of another type', { command: 'true', secret_env: { A: [SECRET] } }],
  ['a value that cannot be', { command: 'true', secret_env: { A: `${SECRET}\0`, B: `${SECRET}\ud800` } }],
  ['a value that is too long', { command: 'true', secret_env: { A: SECRET.repeat(10_000) } }],
  ['a name that is reserved', { command: 'true', secret_env: { HYDRA_A: SECRET, 'a b': SECRET } }],
  ['no object', { command: 'true', secret_env: SECRET }],
  ['a list', { command: 'true', secret_env: [SECRET] }],
  ['another name', { command: 'true', secretenv: { A: SECRET } }],
  ['stdin of another type', { command: 'true', stdin: { A: SECRET } }],
  ['stdin that is no base64', { command: 'true', stdin_base64: SECRET }],
  ['a batch', `{"tasks":[{"command":"true","secret_env":{"A":"${SECRET}","B":5}}]}`],
  ['JSON with a comma too many', `{"secret_env":{"A":"${SECRET}"},}`],
  ['JSON with a quote too few', `{"secret_env":{"A":"${SECRET}","B":${SECRET}}}`],
  ['JSON that ends too soon', `{"secret_env":{"A":"${SECRET}`],
  ['JSON with a raw line break', `{"secret_env":{"A":"${SECRET}\n"}}`],
  ['no JSON', SECRET],
])('nor is it shown when what is wrong is %s', async (_, payload) => {
  const url = typeof payload === 'string' && payload.includes('tasks') ? '/schedule/batch' : '/schedule';
  expect((await send('POST', url, payload)).statusCode).toBe(400);
  expectNoSecret();
});

test('nor is it shown when PostgreSQL refuses the row', async () => {
  await server.database.pool.query("ALTER TABLE tasks ADD CONSTRAINT odd CHECK (queue <> 'odd')");
  const payload = { command: 'true', queue: 'odd', secret_env: { API_TOKEN: SECRET } };
  expect((await send('POST', '/schedule', payload)).statusCode).toBe(500);
  expect(JSON.stringify(server.log)).toContain('violates check constraint');
  expectNoSecret();
});
