import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CoordinatorMetrics } from '../../src/coordinator/metrics.ts';
import { OUTPUT_WINDOW_BYTES, OutputBuffer } from '../../src/coordinator/output-buffer.ts';
import type { Queryable } from '../../src/db/pool.ts';
import type { FromCoordinator, OutputChunk } from '../../src/rpc/messages.ts';
import { untilBlocked } from '../db/support/blocked.ts';
import { seedRow } from '../db/support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from './support/open-session.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

type OutputAck = Extract<FromCoordinator, { kind: 'output_ack' }>;

/** A session, and what it is told of output. */
function session(workerId?: string) {
  const { faults, open, sent } = openSession(workerId);
  const acks = () => sent.filter((message): message is OutputAck => message.kind === 'output_ack');
  const starts = () => acks().flatMap(({ stored }) => stored.map(({ start }) => start));
  return { open, acks, faults, starts };
}

/** An output buffer that is started, and what it sends to PostgreSQL. */
async function buffer(faults: (() => Error | null)[] = []) {
  const statements: string[] = [];
  const query = (statement: pg.QueryConfig & { readonly values: unknown[] }) => {
    const error = faults.shift()?.() ?? null;
    if (error !== null) return Promise.reject(error);
    statements.push(JSON.stringify(statement.values[7]));
    return database.pool.query(statement);
  };
  const coordinatorId = randomUUID();
  const metrics = new CoordinatorMetrics();
  const output = new OutputBuffer({
    db: { query } as unknown as Queryable,
    coordinatorId,
    metrics,
    logger: pino({ level: 'silent' }),
    onSuperseded: () => undefined,
  });
  await output.start();
  onTestFinished(() => output.stop());
  return { output, statements, metrics };
}

const running = () => seedRow(database.pool, { state: 'running' });

function chunk(taskId: string, start: number, length = 10): OutputChunk {
  const end = start + length;
  return {
    ref: { taskId, attempt: 1 },
    ...{ start, data: Buffer.alloc(length, 'x'), segments: [length], stdoutEnd: end, stderrEnd: 0, replacesFrom: null },
  };
}

async function storedStarts(taskId: string): Promise<number[]> {
  const sql = 'SELECT start_at::int AS start FROM output_chunks WHERE task_id = $1 ORDER BY start_at';
  const { rows } = await database.pool.query<{ start: number }>(sql, [taskId]);
  return rows.map(({ start }) => start);
}

const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('OutputBuffer', () => {
  test('acknowledges after the commit; what comes meanwhile shares the next statement', async () => {
    const { output, statements, metrics } = await buffer();
    const [one, other] = [session(), session()];
    const [first, second, ended] = [
      await running(),
      await running(),
      await seedRow(database.pool, { state: 'failed' }),
    ];
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await client.query('LOCK TABLE output_chunks IN EXCLUSIVE MODE');
    try {
      output.add(one.open, [chunk(first, 0)]);
      await untilBlocked(database.pool);
      output.add(one.open, [chunk(first, 10), chunk(first, 20)]);
      output.add(other.open, [chunk(second, 0), chunk(ended, 0), chunk(ended, 10)]);
      expect([one.acks(), other.acks()]).toEqual([[], []]);
      expect(output.bytes).toBe(60);
    } finally {
      await client.query('COMMIT');
      client.release();
    }
    await expect.poll(() => output.bytes).toBe(0);
    expect(statements).toHaveLength(2);
    expect(one.starts()).toEqual([0, 10, 20]);
    expect(other.acks()).toEqual([
      {
        kind: 'output_ack',
        stored: [{ ref: { taskId: second, attempt: 1 }, start: 0 }],
        superseded: [{ taskId: ended, attempt: 1 }],
      },
    ]);
    expect(await storedStarts(first)).toEqual([0, 10, 20]);
    const counted = await metrics.registry.getSingleMetricAsString('hydra_output_stored_bytes_total');
    expect(counted).toContain('hydra_output_stored_bytes_total 40');
  });

  test('keeps what PostgreSQL cannot take now, in its order', async () => {
    const { output } = await buffer([refused, refused]);
    const { open, starts } = session();
    const id = await running();
    output.add(open, [chunk(id, 0)]);
    output.add(open, [chunk(id, 10)]);
    await expect.poll(starts).toEqual([0, 10]);
    expect(await storedStarts(id)).toEqual([0, 10]);
  });

  test('leaves out a piece that PostgreSQL refuses, and holds up no other', async () => {
    // Before the second of the single ones PostgreSQL goes away for a moment.
    const { output } = await buffer([() => null, () => null, refused]);
    const { open, acks, starts } = session();
    const id = await running();
    const impossible = { ...chunk(id, 10), stdoutEnd: 7 };
    output.add(open, [chunk(id, 0), impossible, chunk(id, 20)]);
    await expect.poll(starts).toEqual([0, 10, 20]);
    expect(acks().flatMap(({ superseded }) => superseded)).toEqual([]);
    expect(await storedStarts(id)).toEqual([0, 20]);
    expect(output.bytes).toBe(0);
  });

  test('drops what came with an earlier session of the worker, which sends it again', async () => {
    const { output, statements } = await buffer([refused]);
    const [before, after, other] = [session('worker-1'), session('worker-1'), session('worker-2')];
    const id = await running();
    output.add(before.open, [chunk(id, 0), chunk(id, 10)]);
    output.add(other.open, [chunk(id, 30)]);
    output.add(after.open, [chunk(id, 0), chunk(id, 10), chunk(id, 20)]);
    expect(output.bytes).toBe(40);
    await expect.poll(after.starts).toEqual([0, 10, 20]);
    await expect.poll(other.starts).toEqual([30]);
    expect(before.acks()).toEqual([]);
    expect(statements).toHaveLength(1);
    expect(output.bytes).toBe(0);
  });

  test('ends a session that sends more than the window, and forgets what it sent', async () => {
    const { output } = await buffer([refused]);
    const { open, faults } = session();
    const id = await running();
    const size = 64 * 1024;
    for (let i = 0; i < 4; i++) output.add(open, [chunk(id, i * size, size)]);
    expect([faults, output.bytes]).toEqual([[], OUTPUT_WINDOW_BYTES]);
    for (let i = 4; i < 9; i++) output.add(open, [chunk(id, i * size, size)]);
    expect(faults).toHaveLength(1);
    expect(output.bytes).toBe(0);
  });

  test('commits what it has when it stops, unless PostgreSQL is away', async () => {
    const { output } = await buffer();
    const { open, starts } = session();
    const id = await running();
    output.add(open, [chunk(id, 0)]);
    await output.stop();
    expect(starts()).toEqual([0]);
    const away = await buffer([refused, refused]);
    away.output.add(open, [chunk(id, 10)]);
    await away.output.stop();
    expect(starts()).toEqual([0]);
  });
});
