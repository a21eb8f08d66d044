import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertTasks } from '../../src/db/insert-tasks.ts';
import { serializeError } from '../../src/runtime/logger.ts';
import { newTask } from '../db/support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test('an error is logged without what PostgreSQL quotes of the row at fault', async () => {
  const task = newTask({ secretEnv: { TOKEN: 'hunter2' }, priority: 101 });
  const error: unknown = await insertTasks(database.pool, [task]).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: '23514', detail: expect.stringContaining('hunter2') as string });
  const lines: string[] = [];
  const logger = pino({ serializers: { err: serializeError } }, { write: (line) => lines.push(line) });
  logger.error({ err: error }, 'a defect');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    err: { type: 'DatabaseError', code: '23514', constraint: 'tasks_priority_check' },
  });
  expect(lines[0]).not.toContain('hunter2');
});
