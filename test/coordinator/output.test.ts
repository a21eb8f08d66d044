import { describe, expect, test } from 'vitest';
import type { OutputChunk } from '../../src/rpc/messages.ts';
import { database, registered, startCoordinator, submit, until } from './support/fixture.ts';
import { written, type ScriptedWorker } from './support/scripted-worker.ts';

async function stored(id: string) {
  const { rows } = await database.pool.query<{ start_at: string; data: Buffer }>(
    'SELECT start_at, data FROM output_chunks WHERE task_id = $1 ORDER BY start_at',
    [id],
  );
  return rows.map(({ data, start_at: start }) => [Number(start), data.toString()]);
}

/** Acknowledgements may come in one message or in several. */
async function acknowledged(scripted: ScriptedWorker, count: number) {
  const stored: { start: number }[] = [];
  const superseded: object[] = [];
  while (stored.length + superseded.length < count) {
    const message = await scripted.next('output_ack');
    stored.push(...message.stored);
    superseded.push(...message.superseded);
  }
  return { starts: stored.map(({ start }) => start).sort((a, b) => a - b), superseded };
}

describe('output of a command that runs', () => {
  test('is stored and acknowledged piece by piece, and the result brings the rest', async () => {
    const scripted = await registered(await startCoordinator());
    const id = await submit();
    const [attempt] = await scripted.attempts(1);
    const { ref } = attempt!;
    scripted.reportStarted(ref);
    const first: OutputChunk = { ref, ...written('one ') };
    const second: OutputChunk = { ref, ...written('two '), start: 4, stdoutEnd: 8 };
    scripted.send({ kind: 'output', chunks: [first, second] });
    expect(await acknowledged(scripted, 2)).toEqual({ starts: [0, 4], superseded: [] });
    expect(await stored(id)).toEqual([
      [0, 'one '],
      [4, 'two '],
    ]);
    scripted.reportEnd(ref, {}, [{ ...written('three'), start: 8, stdoutEnd: 13 }]);
    expect(await scripted.next('acknowledge')).toMatchObject({ recorded: [ref] });
    expect(await stored(id)).toEqual([
      [0, 'one '],
      [4, 'two '],
      [8, 'three'],
    ]);
  });

  test('that contradicts itself is left out, and its command goes on', async () => {
    const scripted = await registered(await startCoordinator(), { slots: 2 });
    const ids = [await submit(), await submit()];
    const [good, bad] = await scripted.attempts(2);
    const sound: OutputChunk = { ref: good!.ref, ...written('fine') };
    const broken: OutputChunk = { ref: bad!.ref, ...written('broken'), segments: [1] };
    const after: OutputChunk = { ref: bad!.ref, ...written('mended'), start: 6, stdoutEnd: 12 };
    scripted.send({ kind: 'output', chunks: [broken, sound, after] });
    expect(await acknowledged(scripted, 3)).toEqual({ starts: [0, 0, 6], superseded: [] });
    expect(await stored(good!.ref.taskId)).toEqual([[0, 'fine']]);
    expect(await stored(bad!.ref.taskId)).toEqual([[6, 'mended']]);
    for (const { ref } of [good!, bad!]) scripted.reportFinished(ref);
    for (const id of ids) await until(id, { state: 'completed' });
    expect(scripted.pending('stop')).toEqual([]);
  });
});

test('output of an attempt that is not current gives its slot back, since nothing else is reported of it', async () => {
  const scripted = await registered(await startCoordinator());
  const id = await submit();
  const [attempt] = await scripted.attempts(1);
  scripted.reportStarted(attempt!.ref);
  await until(id, { state: 'running' });
  // As after a failover to a server that had not got as far.
  await database.pool.query(`UPDATE tasks SET state = 'scheduled', coordinator_id = NULL, worker_id = NULL,
    picked_at = NULL, started_at = NULL`);
  scripted.send({ kind: 'output', chunks: [{ ref: attempt!.ref, ...written('of nobody') }] });
  expect((await acknowledged(scripted, 1)).superseded).toEqual([attempt!.ref]);
  const [next] = await scripted.attempts(1);
  expect(next!.ref).toEqual({ taskId: id, attempt: 2 });
});

describe('a result with output that PostgreSQL refuses', () => {
  test('is recorded without it, and holds up no other', async () => {
    await database.pool.query("ALTER TABLE output_chunks ADD CHECK (data <> 'poison')");
    const scripted = await registered(await startCoordinator(), { slots: 2 });
    const [good, bad] = [await submit(), await submit()];
    const attempts = await scripted.attempts(2);
    const finished = attempts.map(({ ref }) => ({
      ref,
      startedAgeUs: 2_000,
      endedAgeUs: 1_000,
      result: { reason: 'exited', exitCode: 0, signal: null, error: null } as const,
      output: [written(ref.taskId === bad ? 'poison' : 'fine')],
      usage: { cpuMs: 1, peakMemoryBytes: null },
    }));
    scripted.send({ kind: 'report', started: [], finished });
    for (const id of [good, bad]) await until(id, { state: 'completed' });
    expect(await stored(good)).toEqual([[0, 'fine']]);
    expect(await stored(bad)).toEqual([]);
    expect(await until(bad, {})).toMatchObject({
      error: 'its output could not be stored; see the log of the coordinator',
      cpu_ms: '1',
    });
  });
});
