import { describe, expect, test } from 'vitest';
import { TaskHeap } from '../../src/coordinator/task-heap.ts';
import type { ClaimedTask } from '../../src/db/claim-due-tasks.ts';
import { claimed } from './support/claimed.ts';

/** A heap by due time, and the tasks that are held. */
function heap() {
  const held = new Set<ClaimedTask>();
  const compare = (a: ClaimedTask, b: ClaimedTask) => a.dueAtMs - b.dueAtMs;
  return { held, heap: new TaskHeap({ compare, isHeld: (task) => held.has(task), held: () => held.size }) };
}

/** Takes out all; entries of what is held count as often as they are in it. */
function drain(from: TaskHeap): ClaimedTask[] {
  const taken: ClaimedTask[] = [];
  for (let task = from.peek(); task !== undefined; task = from.peek()) {
    taken.push(task);
    from.pop();
  }
  return taken;
}

describe('TaskHeap', () => {
  test('passes over what is not held, in order', () => {
    const { heap: tasks, held } = heap();
    const drawn = [5, 1, 4, 2, 3].map((dueAtMs) => claimed({ dueAtMs }));
    for (const task of drawn) {
      held.add(task);
      tasks.push(task);
    }
    held.delete(drawn[1]!);
    held.delete(drawn[2]!);
    expect(drain(tasks).map(({ dueAtMs }) => dueAtMs)).toEqual([2, 3, 5]);
  });

  test('keeps few entries of what went and came back, and loses none', () => {
    const { heap: tasks, held } = heap();
    const stays = [claimed({ dueAtMs: 1 }), claimed({ dueAtMs: 3 })];
    for (const task of stays) held.add(task);
    for (let turn = 0; turn < 10_000; turn++) for (const task of stays) tasks.push(task);
    const taken = drain(tasks);
    expect(new Set(taken)).toEqual(new Set(stays));
    expect(taken.length).toBeLessThan(200);
  });
});
