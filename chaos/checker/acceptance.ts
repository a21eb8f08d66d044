import type { History } from '../events.ts';
import { found } from './evidence.ts';
import type { TaskCase } from './task-case.ts';
import type { Finding } from './verdict.ts';

/** Is there exactly one task for each key that was accepted, and none besides? */
export function* checkAcceptance(history: History, cases: readonly TaskCase[]): Generator<Finding> {
  for (const item of cases) {
    const { accepted, stored } = item;
    if (stored === undefined) {
      if (accepted.length > 0) yield found('lost', item, 'it was accepted, and there is no such task');
      continue;
    }
    const keys = new Set([...accepted.map(({ key }) => key), stored.key]);
    if (keys.size > 1) {
      const told = accepted.map(({ key }) => key).join(', ');
      yield found('unplanned', item, `it was accepted for the key ${told} and is stored with ${String(stored.key)}`);
    } else if (item.planned === undefined) {
      yield found('unplanned', item, 'nobody planned a task with this key');
    }
  }
  yield* checkKeys(history);
}

function* checkKeys({ accepted, tasks }: History): Generator<Finding> {
  const ids = new Map<string, Set<string>>();
  const named = [...accepted, ...tasks.map(({ id, key }) => ({ taskId: id, key }))];
  for (const { key, taskId } of named) {
    if (key !== null) ids.set(key, (ids.get(key) ?? new Set<string>()).add(taskId));
  }
  for (const [key, { size }] of ids) {
    const list = [...(ids.get(key) ?? [])].join(', ');
    if (size > 1) yield { violation: 'doubled', evidence: `the key ${key} has the tasks ${list}` };
  }
}
