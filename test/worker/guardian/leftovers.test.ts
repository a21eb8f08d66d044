import { expect, test } from 'vitest';
import { ancestorsOf, findLeftovers } from '../../../src/worker/guardian/leftovers.ts';
import type { ProcessEntry } from '../../../src/worker/guardian/process-entry.ts';
import { formatMark, type ProcessMark } from '../../../src/worker/guardian/process-mark.ts';

const DEAD = { pid: 900, start: 90 };
const ALIVE = { pid: 10, start: 100 };

function markOf(changes: Partial<ProcessMark> = {}): string {
  const mark = { namespace: '1', worker: DEAD, instance: 'dead', key: 'a/1', allowsBackground: false, ...changes };
  return formatMark(mark);
}

/** Pids found among these: pid, parent, mark. */
function find(rows: readonly (readonly [number, number, string?])[]): number[] {
  const all = [...rows, [1, 0], [5, 1], [ALIVE.pid, 5]] as const;
  const processes = new Map(
    all.map(([pid, parent]): [number, ProcessEntry] => [
      pid,
      {
        pid,
        parent,
        start: pid === ALIVE.pid ? ALIVE.start : 200,
        group: pid,
        session: pid,
        cpuTicks: 0,
        residentPages: 0,
      },
    ]),
  );
  const found = findLeftovers({
    processes,
    namespace: '1',
    instance: 'me',
    ancestors: ancestorsOf(ALIVE.pid, processes),
    inspector: {
      ticksPerSecond: 100,
      variable: ({ pid }) => all.find(([each]) => each === pid)?.[2],
      realTimeLimit: () => 'unlimited',
    },
  });
  return found.map(({ entry }) => entry.pid);
}

test('what a dead worker started is left over, and what that started', () => {
  expect(
    find([
      [50, 1, markOf()],
      [51, 50, markOf()],
    ]),
  ).toEqual([50, 51]);
});

test('also when it was taken in by an ancestor of ours', () => {
  expect(find([[50, 5, markOf()]])).toEqual([50]);
});

test('what may live is not', () => {
  expect(find([[50, 1, markOf({ allowsBackground: true })]])).toEqual([]);
});

test('what a living worker started is not', () => {
  expect(find([[50, 1, markOf({ worker: ALIVE })]])).toEqual([]);
  expect(find([[50, 1, markOf({ worker: { ...ALIVE, start: 99 } })]])).toEqual([50]);
});

test('what was started in another container is not: its worker has another number there', () => {
  expect(find([[50, 1, markOf({ namespace: '2' })]])).toEqual([]);
  expect(find([[50, 1, markOf({ namespace: '' })]])).toEqual([]);
});

test('what another service was told to start is not', () => {
  expect(
    find([
      [40, 1],
      [50, 40, markOf()],
      [51, 50, markOf()],
    ]),
  ).toEqual([]);
});

test('our own are not', () => {
  expect(find([[50, 1, markOf({ instance: 'me' })]])).toEqual([]);
});
