import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { InsertedTask } from '../../src/db/insert-tasks.ts';
import type { NewTask } from '../../src/domain/task-input.ts';
import { InsertBatcher } from '../../src/scheduler/insert-batcher.ts';
import { newTask } from '../db/support/rows.ts';

/** A store whose statements end when the test says so. */
class ManualStore {
  readonly statements: { tasks: readonly NewTask[]; end: (error?: Error) => void }[] = [];

  readonly store = (tasks: readonly NewTask[]): Promise<InsertedTask[]> =>
    new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        if (error === undefined) resolve(tasks.map(insertedAs));
        else reject(error);
      };
      this.statements.push({ tasks, end });
    });

  commands(): (string | null)[][] {
    return this.statements.map(({ tasks }) => tasks.map(({ command }) => command));
  }
}

const task = (command: string) => newTask({ command });
const insertedAs = ({ command }: NewTask) => ({ id: command ?? '', created: true, due: false });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const rowFault = Object.assign(new Error('violates a check'), { code: '23514' });

/** Bounds that the batcher of the test under way has hit. */
const hits: string[] = [];
beforeEach(() => {
  hits.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('InsertBatcher', () => {
  test('sends the first task at once, and what comes meanwhile together, in order', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const answers = ['a', 'b', 'c'].map((command) => batcher.submit(task(command)));
    expect(manual.commands()).toEqual([['a']]);
    expect(batcher.depth).toBe(2);
    manual.statements[0]?.end();
    expect(await answers[0]).toMatchObject({ id: 'a' });
    await turn();
    expect(manual.commands()).toEqual([['a'], ['b', 'c']]);
    manual.statements[1]?.end();
    expect((await Promise.all(answers)).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(batcher.depth).toBe(0);
  });

  test('starts again after a pause, also from within an answer', async () => {
    const store = (tasks: readonly NewTask[]) => Promise.resolve(tasks.map(insertedAs));
    const batcher = new InsertBatcher(store, { onBound: (bound) => hits.push(bound) });
    const next = await batcher.submit(task('a')).then(() => batcher.submit(task('b')));
    expect(next.id).toBe('b');
    await turn();
    expect((await batcher.submit(task('c'))).id).toBe('c');
  });

  test('sends no more than a thousand tasks, or a few megabytes, with one statement', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const small = Array.from({ length: 1_501 }, () => batcher.submit(task('x')));
    manual.statements[0]?.end();
    await turn();
    expect(manual.statements[1]?.tasks).toHaveLength(1_000);
    manual.statements[1]?.end();
    await turn();
    expect(manual.statements[2]?.tasks).toHaveLength(500);
    const large = Array.from({ length: 100 }, () => batcher.submit(task('y'.repeat(100_000))));
    manual.statements[2]?.end();
    await turn();
    expect(manual.statements[3]?.tasks).toHaveLength(83);
    for (let i = 3; i < 5; i++) {
      manual.statements[i]?.end();
      await turn();
    }
    await Promise.all([...small, ...large]);
  });

  test('counts all that can be long, and sends what is too long with others alone', async () => {
    const long = 'z'.repeat(100_000);
    const kinds: Partial<NewTask>[] = [
      { command: null, argv: [long, long] },
      { options: { env: { A: long, B: long } } },
      { secretEnv: { A: long, B: long } },
      { stdin: Buffer.alloc(200_000) },
    ];
    for (const kind of kinds) {
      const manual = new ManualStore();
      const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
      const answers = Array.from({ length: 101 }, () => batcher.submit(newTask(kind)));
      for (let i = 0; i < 4; i++) {
        manual.statements[i]?.end();
        await turn();
      }
      expect(manual.statements.map(({ tasks }) => tasks.length)).toEqual([1, 41, 41, 18]);
      await Promise.all(answers);
    }
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const sizes = [0, 10, 16 * 1024 * 1024, 16 * 1024 * 1024, 10, 10];
    const answers = sizes.map((size) => batcher.submit(newTask({ stdin: Buffer.alloc(size) })));
    for (let i = 0; i < 5; i++) {
      manual.statements[i]?.end();
      await turn();
    }
    expect(manual.statements.map(({ tasks }) => tasks.map(({ stdin }) => stdin?.length))).toEqual([
      [0],
      [10],
      [16 * 1024 * 1024],
      [16 * 1024 * 1024],
      [10, 10],
    ]);
    await Promise.all(answers);
  });

  test("lets a fault of one row be that row's alone", async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const answers = ['first', 'good', 'bad', 'fine'].map((command) => batcher.submit(task(command)));
    const settled = Promise.allSettled(answers);
    manual.statements[0]?.end();
    await turn();
    manual.statements[1]?.end(rowFault);
    for (const [i, error] of [undefined, rowFault, undefined].entries()) {
      await turn();
      manual.statements[i + 2]?.end(error);
    }
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(manual.commands()).toEqual([['first'], ['good', 'bad', 'fine'], ['good'], ['bad'], ['fine']]);
  });

  test('tells everybody when PostgreSQL is away, and tries nothing twice', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const answers = ['a', 'b', 'c'].map((command) => batcher.submit(task(command)));
    const settled = Promise.allSettled(answers);
    const away = Object.assign(new Error('away'), { code: '57P01' });
    manual.statements[0]?.end(away);
    await turn();
    manual.statements[1]?.end(away);
    const reasons = (await settled).map((answer): unknown => (answer.status === 'rejected' ? answer.reason : null));
    expect(reasons).toEqual([away, away, away]);
    expect(manual.statements).toHaveLength(2);
  });

  test('refuses what it has no room for', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound), maxWaiting: 2 });
    const answers = ['a', 'b', 'c'].map((command) => batcher.submit(task(command)));
    await expect(batcher.submit(task('d'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(hits).toEqual(['insert_queue']);
    manual.statements[0]?.end();
    await turn();
    manual.statements[1]?.end();
    expect(await Promise.all(answers)).toHaveLength(3);
  });

  test('refuses more bytes than may wait', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const stdin = Buffer.alloc(16 * 1024 * 1024);
    // The first is under way, and does not wait.
    const answers = Array.from({ length: 9 }, () => batcher.submit(newTask({ stdin, command: '' })));
    await expect(batcher.submit(newTask())).rejects.toMatchObject({ code: 'unavailable' });
    for (let i = 0; i < 9; i++) {
      manual.statements[i]?.end();
      await turn();
    }
    expect(await Promise.all(answers)).toHaveLength(9);
    expect(batcher.depth).toBe(0);
  });

  test('refuses what has waited for some seconds, and waits for what is under way', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    const sent = batcher.submit(task('sent'));
    const late = batcher.submit(task('late'));
    vi.advanceTimersByTime(4_000);
    const fresh = batcher.submit(task('fresh'));
    expect(hits).toEqual([]);
    const refused = expect(late).rejects.toThrow('nothing was stored; try again');
    vi.advanceTimersByTime(3_000);
    await refused;
    expect(hits).toEqual(['insert_wait']);
    expect(batcher.depth).toBe(1);
    manual.statements[0]?.end();
    await turn();
    manual.statements[1]?.end();
    expect([await sent, await fresh]).toMatchObject([{ id: 'sent' }, { id: 'fresh' }]);
    expect(manual.commands()).toEqual([['sent'], ['fresh']]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('stops when all is answered', async () => {
    const manual = new ManualStore();
    const batcher = new InsertBatcher(manual.store, { onBound: (bound) => hits.push(bound) });
    await batcher.stop();
    const answers = ['a', 'b'].map((command) => batcher.submit(task(command)));
    let stopped = false;
    const stopping = batcher.stop().then(() => (stopped = true));
    manual.statements[0]?.end();
    await turn();
    expect(stopped).toBe(false);
    manual.statements[1]?.end();
    await stopping;
    await Promise.all(answers);
  });
});
