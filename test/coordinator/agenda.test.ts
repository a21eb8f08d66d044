import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Agenda } from '../../src/coordinator/agenda.ts';
import type { ClaimedTask } from '../../src/db/claim-due-tasks.ts';
import { claimed as task } from './support/claimed.ts';

function takeAll(agenda: Agenda, lane = 'default'): ClaimedTask[] {
  const taken: ClaimedTask[] = [];
  for (let next = agenda.takeReady(lane); next !== undefined; next = agenda.takeReady(lane)) taken.push(next);
  return taken;
}

describe('Agenda', () => {
  test('hands out nothing before its instant, and all of it after, by priority and then time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ dueAtMs: fc.integer({ min: 0, max: 100 }), priority: fc.integer({ min: -2, max: 2 }) })),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 }),
        (drawn, steps) => {
          let now = 0;
          const agenda = new Agenda(
            () => now,
            () => undefined,
          );
          const tasks = drawn.map(task);
          agenda.add(tasks);
          const taken: ClaimedTask[] = [];
          for (const step of [...steps, 1_000]) {
            now += step;
            agenda.promote();
            const batch = takeAll(agenda);
            for (const got of batch) expect(got.dueAtMs).toBeLessThanOrEqual(now);
            const order = batch.map((t) => [-t.priority, t.dueAtMs] as const);
            expect(order).toEqual([...order].sort((a, b) => a[0] - b[0] || a[1] - b[1]));
            taken.push(...batch);
          }
          expect(new Set(taken)).toEqual(new Set(tasks));
          expect(agenda.size).toBe(0);
          expect(agenda.heldInLane('default')).toBe(0);
          expect(agenda.heldLanes()).toEqual([]);
        },
      ),
    );
  });

  test('says when a waiting task has become due', async () => {
    const began = performance.now();
    const fired = await new Promise<number>((resolve) => {
      const agenda = new Agenda(
        () => performance.now() - began,
        () => {
          if (agenda.hasReady) resolve(performance.now() - began);
        },
      );
      agenda.add([task({ dueAtMs: 30 })]);
      expect(agenda.hasReady).toBe(false);
    });
    expect(fired).toBeGreaterThanOrEqual(30);
  });

  test('says so even when it is asked about ready tasks at the very moment', async () => {
    const began = performance.now();
    const now = () => performance.now() - began;
    await new Promise<void>((resolve) => {
      const agenda = new Agenda(now, () => {
        if (agenda.hasReady) resolve();
      });
      agenda.add([task({ dueAtMs: 20 })]);
      while (now() < 30) {
        expect(agenda.hasReady).toBe(false);
        expect(agenda.readyLanes()).toEqual([]);
      }
    });
  });

  test('forgets what was removed, wherever it waits', () => {
    let now = 0;
    const agenda = new Agenda(
      () => now,
      () => undefined,
    );
    const ready = task();
    const waiting = task({ dueAtMs: 50, lane: 'gpu' });
    agenda.add([ready, waiting]);
    expect(agenda.list().map(({ stage }) => stage)).toEqual(['ready', 'waiting']);
    expect(agenda.remove(ready.taskId, 2)).toBeUndefined();
    expect(agenda.remove(ready.taskId, 1)).toBe(ready);
    expect(agenda.remove(ready.taskId)).toBeUndefined();
    expect(agenda.remove(waiting.taskId)).toBe(waiting);
    now = 100;
    agenda.promote();
    expect(agenda.readyLanes()).toEqual([]);
    expect(agenda.takeReady('default')).toBeUndefined();
    expect(agenda.takeReady('gpu')).toBeUndefined();
  });

  test('holds back what has lapsed, ready or not, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            dueAtMs: fc.integer({ min: 0, max: 100 }),
            giveUpAtMs: fc.option(fc.integer({ min: 0, max: 100 })),
          }),
        ),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 }),
        (drawn, steps) => {
          let now = 0;
          const agenda = new Agenda(
            () => now,
            () => undefined,
          );
          const tasks = drawn.map((over) => task(over));
          agenda.add(tasks);
          const [sent, ended]: [ClaimedTask[], ClaimedTask[]] = [[], []];
          for (const step of [...steps, 1_000]) {
            now += step;
            agenda.promote();
            const lapsed = agenda.takeLapsed();
            for (const got of lapsed) expect(got.giveUpAtMs).toBeLessThanOrEqual(now);
            const batch = takeAll(agenda);
            for (const got of batch) expect(got.giveUpAtMs ?? Infinity).toBeGreaterThan(now);
            ended.push(...lapsed);
            sent.push(...batch);
          }
          expect(new Set([...sent, ...ended])).toEqual(new Set(tasks));
          expect(sent.length + ended.length).toBe(tasks.length);
          expect(agenda.size).toBe(0);
          expect(agenda.heldInLane('default')).toBe(0);
        },
      ),
    );
  });

  test('says in time when a task lapses that nobody has a slot for', async () => {
    const began = performance.now();
    const now = () => performance.now() - began;
    const lapsedAt = await new Promise<number>((resolve) => {
      const agenda = new Agenda(now, () => {
        if (agenda.takeLapsed().length > 0) resolve(now());
      });
      agenda.addDue([task({ giveUpAtMs: 40 }), task({ giveUpAtMs: 60_000 }), task()]);
    });
    expect(lapsedAt).toBeGreaterThanOrEqual(40);
  });

  test('does not wake again and again for what has lapsed and nobody takes', async () => {
    let wakes = 0;
    const began = performance.now();
    const agenda = new Agenda(
      () => performance.now() - began,
      () => wakes++,
    );
    agenda.add([task({ giveUpAtMs: 5 }), task({ dueAtMs: 60 })]);
    while (agenda.list().some(({ stage }) => stage === 'waiting'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setImmediate(resolve));
    expect(wakes).toBeLessThanOrEqual(3);
    expect(agenda.takeLapsed()).toHaveLength(1);
  });

  test('plans anew what was brought forward, as the same attempt', () => {
    const agenda = new Agenda(
      () => 100,
      () => undefined,
    );
    const far = task({ dueAtMs: 5_000, scheduledAtUs: 5_000_000, giveUpAtMs: 9_000 });
    agenda.add([far]);
    agenda.replan(far.taskId, 2, 50);
    agenda.replan(far.taskId, 1, 5_000);
    expect(agenda.hasReady).toBe(false);
    agenda.replan(far.taskId, 1, 50.5);
    expect(takeAll(agenda)).toEqual([{ ...far, dueAtMs: 50.5, scheduledAtUs: 50_500 }]);
    expect(agenda.size).toBe(0);
    agenda.replan(far.taskId, 1, 60);
    expect(agenda.size).toBe(0);
  });

  test('does not keep what was sent long before it would have lapsed', async () => {
    const agenda = new Agenda(
      () => 0,
      () => undefined,
    );
    const sent = Array.from({ length: 1_000 }, () => {
      agenda.addDue([task({ giveUpAtMs: 1e9 })]);
      return new WeakRef(agenda.takeReady('default')!);
    });
    // What a WeakRef was made of lives until the task that made it has ended.
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(sent.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(200);
  });

  test('counts what is taken off and put back once', () => {
    const agenda = new Agenda(
      () => 1_000,
      () => undefined,
    );
    agenda.add([task({ bytes: 10, giveUpAtMs: 9_000 }), task({ bytes: 5, dueAtMs: 5_000 })]);
    expect(agenda.bytes).toBe(15);
    for (let turn = 0; turn < 10_000; turn++) agenda.add(agenda.take(() => true));
    expect(agenda.bytes).toBe(15);
    expect(agenda.size).toBe(2);
    expect(takeAll(agenda)).toHaveLength(1);
    expect(agenda.bytes).toBe(5);
    expect(agenda.clear()).toHaveLength(1);
    expect(agenda.bytes).toBe(0);
  });

  test('serves the lane with the most urgent task first', () => {
    const agenda = new Agenda(
      () => 1_000,
      () => undefined,
    );
    agenda.add([task({ lane: 'a', dueAtMs: 1 }), task({ lane: 'b', dueAtMs: 9, priority: 5 }), task({ lane: 'c' })]);
    expect(agenda.readyLanes()).toEqual(['b', 'c', 'a']);
    expect(agenda.take((held) => held.dueAtMs <= 5, 1).map((t) => t.lane)).toEqual(['a']);
    expect(agenda.readyLanes()).toEqual(['b', 'c']);
    expect(agenda.size).toBe(2);
  });
});
