import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Agenda } from '../../src/coordinator/agenda.ts';
import type { ClaimedTask } from '../../src/db/claim-due-tasks.ts';

let counter = 0;
function task(over: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    taskId: `task-${++counter}`,
    attempt: 1,
    command: 'true',
    queue: 'default',
    lane: 'default',
    priority: 0,
    scheduledAtUs: 0,
    dueAtMs: 0,
    ...over,
  };
}

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
