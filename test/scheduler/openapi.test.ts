import fc from 'fast-check';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRow, seedWorker } from '../db/support/rows.ts';
import { validInput } from '../domain/support/inputs.ts';
import { startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

interface Media {
  schema: object;
}
interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  parameters?: { in: string; name: string; description?: string; schema: object }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}
interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

let server: AppOnDatabase;
let document: Document;
let operations: { method: string; path: string; operation: Operation }[];
beforeAll(async () => {
  server = await startAppOnDatabase();
  document = (await server.app.inject({ url: '/openapi.json' })).json<Document>();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
});
afterAll(() => server.close());

/** A schema with what it refers to put in its place. */
function resolve(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(resolve);
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(String(schema.$ref))?.[1] ?? '';
    const target = document.components.schemas[name];
    if (target === undefined) throw new Error(`${String(schema.$ref)} leads nowhere`);
    return resolve(target);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(value)]));
}

/** What the document says about an answer must hold for it. */
async function expectDescribed(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  url: string,
  status: number,
  payload?: object,
): Promise<void> {
  const response = await server.app.inject({ method, url, ...(payload !== undefined && { payload }) });
  const what = `${method} ${url} → ${response.statusCode} ${response.body.slice(0, 300)}`;
  expect(response.statusCode, what).toBe(status);
  const described = document.paths[path]?.[method.toLowerCase()]?.responses[String(status)]?.content;
  const mediaType = String(response.headers['content-type']).split(';')[0] ?? 'none';
  const schema = described?.[mediaType]?.schema;
  if (schema === undefined) throw new Error(`${what}: not described as ${mediaType}`);
  const body: unknown = mediaType.endsWith('json') ? response.json() : response.body;
  expect(Compile(Type.Unsafe(resolve(schema) as object)).Errors(body), what).toEqual([]);
}

describe('/openapi.json', () => {
  test('is OpenAPI 3.1 and says who may reach the API', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info.description).toContain('Whoever reaches this API can run commands');
  });

  test('describes every operation: what it does, what it takes, how it may answer', () => {
    expect(operations).toHaveLength(18);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(18);
    const tags = document.tags.map(({ name }) => name);
    for (const { method, path, operation } of operations) {
      const what = `${method} ${path}`;
      expect(operation.summary, what).not.toBe('');
      expect(operation.description, what).not.toBe('');
      expect(tags, what).toEqual(expect.arrayContaining(operation.tags));
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const parameters = operation.parameters ?? [];
      expect(
        parameters.filter((p) => p.in === 'path').map(({ name }) => name),
        what,
      ).toEqual(inPath);
      for (const parameter of parameters) expect(parameter.description, `${what} ${parameter.name}`).toBeTruthy();
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description, `${what} ${status}`).not.toBe('Default Response');
        if (Number(status) >= 400) expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json']);
      }
    }
  });

  test('has only schemas that are schemas, and no reference that leads nowhere', () => {
    const schemas = operations.flatMap(({ operation }) => [
      ...(operation.parameters ?? []).map(({ schema }) => schema),
      ...Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema),
      ...Object.values(operation.responses).flatMap(({ content }) => Object.values(content ?? {}).map((m) => m.schema)),
    ]);
    expect(schemas.length).toBeGreaterThan(30);
    for (const schema of [...schemas, ...Object.values(document.components.schemas)]) {
      expect(() => Compile(Type.Unsafe(resolve(schema) as object))).not.toThrow();
    }
    expect(Object.keys(document.components.schemas).sort()).toEqual([
      'Problem',
      'Task',
      'TaskDetail',
      'TaskInput',
      'Worker',
    ]);
  });

  test('gives examples that follow the schemas', () => {
    for (const schema of Object.values(document.components.schemas)) {
      const { examples = [] } = schema as { examples?: unknown[] };
      for (const example of examples)
        expect(Compile(Type.Unsafe(resolve(schema) as object)).Errors(example)).toEqual([]);
    }
  });

  test('tells the truth about what is submitted and shown', async () => {
    const schema = document.components.schemas.TaskInput;
    const described = Compile(Type.Unsafe(resolve(schema) as object));
    expect(described.Check({})).toBe(false);
    expect(described.Check({ command: 'true', argv: ['true'] })).toBe(false);
    await fc.assert(
      fc.asyncProperty(validInput, async (input) => {
        expect(described.Errors(input)).toEqual([]);
        const submitted = await server.app.inject({ method: 'POST', url: '/schedule', payload: input });
        await expectDescribed('GET', '/schedule/{task_id}', String(submitted.headers.location), 200);
      }),
      { numRuns: 50 },
    );
  });

  test('tells the truth about the answers', async () => {
    const { pool } = server.database;
    const running = await seedRow(pool, { state: 'running' });
    const waiting = await seedRow(pool, { labels: { region: 'eu' } });
    const ended = await seedRow(pool, { state: 'failed' });
    await seedWorker(pool);
    const task = { command: 'true', idempotency_key: 'k' };
    await expectDescribed('POST', '/schedule', '/schedule', 201, task);
    await expectDescribed('POST', '/schedule', '/schedule', 200, task);
    await expectDescribed('POST', '/schedule', '/schedule', 400, {});
    await expectDescribed('POST', '/schedule/batch', '/schedule/batch', 201, { tasks: [task] });
    await expectDescribed('GET', '/schedule', '/schedule?limit=1', 200);
    await expectDescribed('GET', '/schedule', '/schedule?limit=0', 400);
    await expectDescribed('GET', '/schedule/{task_id}', `/schedule/${running}`, 200);
    await expectDescribed('GET', '/schedule/{task_id}', `/schedule/${waiting}`, 200);
    await expectDescribed('GET', '/schedule/{task_id}', '/schedule/x', 400);
    await expectDescribed('GET', '/schedule/{task_id}/attempts', `/schedule/${running}/attempts`, 200);
    await expectDescribed('POST', '/schedule/{task_id}/run-now', `/schedule/${waiting}/run-now`, 200);
    await expectDescribed('POST', '/schedule/{task_id}/run-now', `/schedule/${running}/run-now`, 409);
    await expectDescribed('DELETE', '/schedule/{task_id}', `/schedule/${running}`, 202);
    await expectDescribed('DELETE', '/schedule/{task_id}', `/schedule/${waiting}`, 200);
    await expectDescribed('DELETE', '/schedule/{task_id}', `/schedule/${ended}`, 409);
    await expectDescribed('POST', '/schedule/{task_id}/retry', `/schedule/${ended}/retry`, 200);
    await expectDescribed('POST', '/schedule/{task_id}/retry', `/schedule/${running}/retry`, 409);
    await expectDescribed('POST', '/schedule/cancel', '/schedule/cancel', 200, { all: true });
    await expectDescribed('POST', '/schedule/cancel', '/schedule/cancel', 400, {});
    await expectDescribed('POST', '/workers/{worker_id}/drain', '/workers/worker/drain', 202);
    await expectDescribed('POST', '/workers/{worker_id}/drain', '/workers/nobody/drain', 404);
    await expectDescribed('GET', '/schedule/{task_id}/output', `/schedule/${running}/output`, 200);
    await expectDescribed('GET', '/schedule/{task_id}/output', `/schedule/${running}/output?stream=stdout`, 200);
    await expectDescribed('GET', '/schedule/{task_id}/output', `/schedule/${running}/output?attempt=9`, 404);
    await expectDescribed('GET', '/workers', '/workers', 200);
    await expectDescribed('GET', '/stats', '/stats', 200);
    await expectDescribed('GET', '/healthz', '/healthz', 200);
    await expectDescribed('GET', '/readyz', '/readyz', 200);
    await expectDescribed('GET', '/metrics', '/metrics', 200);
    await expectDescribed('GET', '/', '/', 200);
    await expectDescribed('GET', '/openapi.json', '/openapi.json', 200);
  });
});
