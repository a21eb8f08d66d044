import { expect, test } from 'vitest';
import { BusyWatch } from '../../chaos/busy-watch.ts';

const LEASE_MS = 3_000;

/** Samples every 200 ms; `waits` says how much of each 200 ms the process waited for a processor. */
function spells(waits: readonly number[]) {
  let atMs = 1_000;
  let waitedMs = 0;
  const watch = new BusyWatch({ pids: () => [1], leaseMs: LEASE_MS, now: () => atMs, waitedMs: () => waitedMs });
  watch.sample();
  for (const wait of waits) {
    atMs += 200;
    waitedMs += wait;
    watch.sample();
  }
  const faults = watch.faults(['worker-1.1']);
  expect(watch.busyMs).toBe(faults.reduce((sum, { beganMs, healedMs }) => sum + healedMs - beganMs, 0));
  return faults;
}

const repeat = (times: number, wait: number) => Array.from({ length: times }, () => wait);

test('a machine with time for everybody is no fault', () => {
  expect(spells(repeat(100, 40))).toEqual([]);
});

test('processes that wait for half of the time in which a heartbeat is due are one', () => {
  expect(spells([...repeat(20, 10), ...repeat(5, 120), ...repeat(20, 10)])).toEqual([
    expect.objectContaining({ kind: 'machine too busy', mayCost: ['worker-1.1'], beganMs: 5_000, healedMs: 6_000 }),
  ]);
});

test('spells within a lease of each other are one, others are not', () => {
  const busy = repeat(5, 100);
  expect(spells([...busy, ...repeat(10, 0), ...busy])).toHaveLength(1);
  expect(spells([...busy, ...repeat(40, 0), ...busy])).toHaveLength(2);
});

test('what cannot be read is not judged', () => {
  const watch = new BusyWatch({ pids: () => [1], leaseMs: LEASE_MS, now: () => 0, waitedMs: () => null });
  watch.sample();
  watch.sample();
  expect(watch.faults([])).toEqual([]);
});
