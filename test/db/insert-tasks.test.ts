import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DUE_CHANNEL, WAKE_HORIZON_MS } from '../../src/db/channels.ts';
import { insertTasks } from '../../src/db/insert-tasks.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { untilBlocked } from './support/blocked.ts';
import { Listening } from './support/listening.ts';
import { newTask } from './support/rows.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.pool.query('TRUNCATE tasks CASCADE'));

async function count(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM tasks');
  return rows[0]?.count ?? -1;
}

/** What the commands of these tasks read, in their order. */
async function stdinOf(ids: readonly string[]): Promise<(Buffer | null)[]> {
  const { rows } = await database.pool.query<{ data: Buffer | null }>(
    'SELECT data FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) LEFT JOIN task_stdin ON task_id = id ORDER BY n',
    [ids],
  );
  return rows.map(({ data }) => data);
}

const keyed = (key: string) => newTask({ idempotencyKey: key });

describe('insertTasks', () => {
  test('stores every field', async () => {
    const task = newTask({
      command: 'echo hi',
      scheduledAt: new Date('2030-01-31T09:00:00.123Z'),
      queue: 'gpu',
      labels: { region: 'eu' },
      priority: -5,
      idempotencyKey: 'key',
      options: { shell: 'bash', env: { A: '"\\' }, nice: 5 },
      secretEnv: { TOKEN: 'abc' },
      stdin: Buffer.from([0, 0xff]),
      retry: { max_attempts: 3, retry_on: [{ on: 'timeout' }] },
      retryLost: false,
      totalTimeoutMs: 31_536_000_000,
      startDeadline: new Date('2030-01-31T10:00:00Z'),
    });
    const [inserted] = await insertTasks(database.pool, [task]);
    const { rows } = await database.pool.query('SELECT * FROM tasks');
    expect(rows).toEqual([
      expect.objectContaining({
        id: inserted?.id,
        state: 'scheduled',
        command: 'echo hi',
        scheduled_at: task.scheduledAt,
        due_at: task.scheduledAt,
        queue: 'gpu',
        lane: 'gpu,region=eu',
        labels: { region: 'eu' },
        priority: -5,
        idempotency_key: 'key',
        attempt: 0,
        argv: null,
        options: task.options,
        secret_env: { TOKEN: 'abc' },
        has_stdin: true,
        retry: task.retry,
        retry_lost: false,
        // A bigint, which pg reads as a text.
        total_timeout_ms: '31536000000',
        start_deadline: task.startDeadline,
        give_up_at: task.startDeadline,
      }),
    ]);
    expect(await stdinOf([inserted?.id ?? ''])).toEqual([task.stdin]);
  });

  test('stores nothing for what is not given', async () => {
    const [inserted] = await insertTasks(database.pool, [newTask({ command: null, argv: ['true'] })]);
    const { rows } = await database.pool.query('SELECT * FROM tasks');
    expect(rows).toEqual([
      expect.objectContaining({
        command: null,
        argv: ['true'],
        options: {},
        secret_env: null,
        has_stdin: false,
        retry: null,
        retry_lost: true,
        total_timeout_ms: null,
        start_deadline: null,
        give_up_at: null,
      }),
    ]);
    expect(await stdinOf([inserted?.id ?? ''])).toEqual([null]);
  });

  test('keeps every argv as it is, in lists of any length', async () => {
    const argument = fc
      .string({
        unit: fc.oneof(fc.constantFrom('"', '\\', ',', '{', '}', "'", '\n', 'NULL'), fc.string({ unit: 'grapheme' })),
      })
      .filter((text) => !text.includes('\0'));
    const argv = fc.array(argument, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(argv, { minLength: 1, maxLength: 8 }), async (lists) => {
        const tasks = lists.map((each) => newTask({ command: null, argv: each }));
        const ids = (await insertTasks(database.pool, tasks)).map(({ id }) => id);
        const { rows } = await database.pool.query<{ argv: string[] }>(
          'SELECT argv FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) JOIN tasks USING (id) ORDER BY n',
          [ids],
        );
        expect(rows.map((row) => row.argv)).toEqual(lists);
      }),
    );
  });

  test('keeps for each command what it is to read, whatever the order and the keys', async () => {
    const stdin = fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)));
    const key = fc.option(fc.uuid());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(stdin, key), { minLength: 1, maxLength: 8 }), async (drawn) => {
        const tasks = drawn.map(([bytes, idempotencyKey]) => newTask({ stdin: bytes, idempotencyKey }));
        const ids = (await insertTasks(database.pool, tasks)).map(({ id }) => id);
        expect(await stdinOf(ids)).toEqual(drawn.map(([bytes]) => bytes));
      }),
    );
  });

  test('stores megabytes to read', async () => {
    const stdin = [1, 2, 3].map((byte) => Buffer.alloc(16 * 1024 * 1024, byte));
    const ids = (
      await insertTasks(
        database.pool,
        stdin.map((bytes) => newTask({ stdin: bytes })),
      )
    ).map(({ id }) => id);
    const stored = await stdinOf(ids);
    expect(stored.map((bytes, i) => bytes?.equals(stdin[i] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
  });

  test("takes now from PostgreSQL's clock, for both instants the same", async () => {
    const { rows: before } = await database.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    await insertTasks(database.pool, [newTask()]);
    const { rows } = await database.pool.query<{ ok: boolean }>(
      'SELECT scheduled_at = due_at AND scheduled_at BETWEEN $1 AND clock_timestamp() AS ok FROM tasks',
      [before[0]?.now],
    );
    expect(rows).toEqual([{ ok: true }]);
  });

  test.each(['0001-01-01T00:00:00.000Z', '1900-06-15T12:00:00.500Z', '9999-12-31T23:59:59.999Z'])(
    'keeps %s exactly',
    async (text) => {
      await insertTasks(database.pool, [newTask({ scheduledAt: new Date(text) })]);
      const { rows } = await database.pool.query<{ exact: boolean }>(
        'SELECT scheduled_at = $1::timestamptz AS exact FROM tasks',
        [text],
      );
      expect(rows).toEqual([{ exact: true }]);
    },
  );

  test('answers in order with ids that sort by creation', async () => {
    const commands = Array.from({ length: 100 }, (_, i) => `echo ${i}`);
    const inserted = await insertTasks(
      database.pool,
      commands.map((command) => newTask({ command })),
    );
    const ids = inserted.map(({ id }) => id);
    const { rows } = await database.pool.query<{ id: string; command: string }>(
      'SELECT t.id, command FROM tasks t JOIN unnest($1::uuid[]) WITH ORDINALITY AS o (id, n) USING (id) ORDER BY n',
      [ids],
    );
    expect(rows.map(({ command }) => command)).toEqual(commands);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => id[14] === '7')).toBe(true);
  });

  test('stores nothing for nothing, and ten thousand at once', async () => {
    expect(await insertTasks(database.pool, [])).toEqual([]);
    const tasks = Array.from({ length: 10_000 }, () => newTask());
    expect(new Set((await insertTasks(database.pool, tasks)).map(({ id }) => id)).size).toBe(10_000);
    expect(await count()).toBe(10_000);
  });

  test('keeps every text as it is', async () => {
    const text = fc
      .string({
        unit: fc.oneof(fc.constantFrom('"', '\\', ',', '{', '}', "'", '\n', 'NULL'), fc.string({ unit: 'grapheme' })),
      })
      .filter((s) => s.length > 0 && !s.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (commands) => {
        const inserted = await insertTasks(
          database.pool,
          commands.map((command) => newTask({ command })),
        );
        const { rows } = await database.pool.query<{ id: string; command: string }>(
          'SELECT id, command FROM tasks WHERE id = ANY ($1)',
          [inserted.map(({ id }) => id)],
        );
        const stored = new Map(rows.map((row) => [row.id, row.command]));
        expect(inserted.map(({ id }) => stored.get(id))).toEqual(commands);
      }),
    );
  });

  test('stores all or nothing', async () => {
    const tasks = [newTask(), newTask({ priority: 101 }), newTask()];
    await expect(insertTasks(database.pool, tasks)).rejects.toMatchObject({ code: '23514' });
    expect(await count()).toBe(0);
  });
});

describe('an idempotency key', () => {
  test('that was used answers with the first task, and changes nothing', async () => {
    const [first] = await insertTasks(database.pool, [newTask({ command: 'first', idempotencyKey: 'key' })]);
    const second = newTask({ command: 'second', idempotencyKey: 'key', stdin: Buffer.from('second') });
    const again = await insertTasks(database.pool, [newTask(), second]);
    expect(again[0]).toMatchObject({ created: true });
    expect(again[1]).toEqual({ id: first?.id, created: false, due: false });
    const { rows } = await database.pool.query("SELECT command FROM tasks WHERE idempotency_key = 'key'");
    expect(rows).toEqual([{ command: 'first' }]);
    expect(await stdinOf([first?.id ?? ''])).toEqual([null]);
  });

  test('counts within one call, too', async () => {
    const [a, b, c] = await insertTasks(database.pool, [keyed('one'), keyed('two'), keyed('one')]);
    expect([a?.created, b?.created, c?.created]).toEqual([true, true, false]);
    expect(c?.id).toBe(a?.id);
    expect(await count()).toBe(2);
  });

  test('used by many at once makes one task', async () => {
    const calls = Array.from({ length: 10 }, () => insertTasks(database.pool, [keyed('same'), keyed('same')]));
    const inserted = (await Promise.all(calls)).flat();
    expect(inserted.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(inserted.map(({ id }) => id)).size).toBe(1);
  });

  test('waits for the one who is first, and takes the place when that one gives up', async () => {
    for (const [end, created] of [
      ['COMMIT', false],
      ['ROLLBACK', true],
    ] as const) {
      const first = await database.pool.connect();
      await first.query('BEGIN');
      const [winner] = await insertTasks(first, [keyed(end)]);
      const second = insertTasks(database.pool, [keyed(end)]);
      await untilBlocked(database.pool);
      await first.query(end);
      first.release();
      const [inserted] = await second;
      expect(inserted?.created).toBe(created);
      expect(inserted?.id === winner?.id).toBe(!created);
    }
  });

  test('does not let calls with the same keys in another order deadlock', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
    for (let round = 0; round < 10; round++) {
      const forth = keys.map((key) => keyed(`${round} ${key}`));
      const calls = [forth, [...forth].reverse(), forth].map((tasks) => insertTasks(database.pool, tasks));
      const results = await Promise.all(calls);
      expect(results.flat().filter(({ created }) => created)).toHaveLength(keys.length);
    }
  });
});

describe('waking the coordinators', () => {
  const soon = () => new Date(Date.now() + WAKE_HORIZON_MS / 2);
  const late = () => new Date(Date.now() + WAKE_HORIZON_MS * 10);

  test('happens once, and only for what is due soon', async () => {
    const listening = await Listening.on(database.url, DUE_CHANNEL);
    try {
      const inserted = await insertTasks(database.pool, [
        newTask(),
        newTask({ scheduledAt: soon() }),
        newTask({ scheduledAt: late() }),
      ]);
      expect(inserted.map(({ due }) => due)).toEqual([true, true, false]);
      expect(await listening.heard()).toEqual([{ channel: DUE_CHANNEL, payload: '' }]);

      await insertTasks(database.pool, [newTask({ scheduledAt: late() })]);
      expect(await listening.heard()).toEqual([]);
    } finally {
      await listening.stop();
    }
  });

  test('does not happen for tasks that existed, or when it is left to the caller', async () => {
    await insertTasks(database.pool, [keyed('known')]);
    const listening = await Listening.on(database.url, DUE_CHANNEL);
    try {
      await insertTasks(database.pool, [keyed('known')]);
      const [inserted] = await insertTasks(database.pool, [newTask()], { announce: false });
      expect(inserted?.due).toBe(true);
      expect(await listening.heard()).toEqual([]);
    } finally {
      await listening.stop();
    }
  });
});
