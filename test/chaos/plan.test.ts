import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../chaos/faults/catalogue.ts';
import { describePlan, makePlan, type Plan, type PlanOptions } from '../../chaos/plan.ts';
import { TASK_KINDS } from '../../chaos/task-kinds.ts';

const ALL_FAULTS = FAULT_KINDS.map(({ name }) => name);
const SEEDS = Array.from({ length: 30 }, (_, seed) => seed);

function plan(seed: number, options: Partial<PlanOptions> = {}): Plan {
  return makePlan({ seed, durationMs: 120_000, tasksPerSecond: 5, leaseMs: 3_000, faults: ALL_FAULTS, ...options });
}

/** What of a plan can be compared: everything but how it is carried out. */
const content = ({ schedule, workload }: Plan) => ({
  workload,
  schedule: schedule.map(({ area, atMs, kind, lastsMs, note, target }) => ({
    ...{ area, atMs, kind, lastsMs, note, target },
  })),
});

test('the same seed is the same plan, another seed another one', () => {
  expect(content(plan(1))).toEqual(content(plan(1)));
  expect(describePlan(plan(1))).toBe(describePlan(plan(1)));
  expect(plan(1).workload).not.toEqual(plan(2).workload);
  expect(describePlan(plan(1))).not.toBe(describePlan(plan(2)));
});

test('the workload does not depend on which faults there are', () => {
  expect(plan(1, { faults: ['worker-kill'] }).workload).toEqual(plan(1).workload);
});

test('over a few seeds there is every kind of fault and every kind of task', () => {
  const plans = SEEDS.map((seed) => plan(seed));
  expect(new Set(plans.flatMap(({ schedule }) => schedule.map(({ kind }) => kind)))).toEqual(new Set(ALL_FAULTS));
  expect(new Set(plans.flatMap(({ workload }) => workload.map(({ kind }) => kind)))).toEqual(new Set(TASK_KINDS));
});

test('only faults that are asked for come, and each comes before any comes again', () => {
  const faults = ['worker-kill', 'coordinator-kill', 'postgres-restart'];
  for (const seed of SEEDS) {
    const kinds = plan(seed, { faults }).schedule.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(faults));
    expect(new Set(kinds.slice(0, faults.length))).toEqual(new Set(faults));
  }
  expect(plan(1, { faults: [] }).schedule).toEqual([]);
});

test('faults at one time hit different areas, and nothing comes together with a blackout', () => {
  let together = 0;
  for (const { schedule } of SEEDS.map((seed) => plan(seed))) {
    for (const [index, a] of schedule.entries()) {
      for (const b of schedule.slice(index + 1).filter(({ atMs }) => atMs <= a.atMs + a.lastsMs)) {
        together += 1;
        expect(a.area).not.toBe(b.area);
        expect([a.area, b.area]).not.toContain('everything');
      }
    }
  }
  expect(together).toBeGreaterThan(SEEDS.length);
});

test('faults are over when the run is, and long outages come only in long runs', () => {
  for (const seed of SEEDS) {
    for (const { atMs, kind, lastsMs } of plan(seed).schedule) {
      expect(atMs + lastsMs).toBeLessThanOrEqual(120_000);
      if (kind === 'postgres-stop') expect(lastsMs).toBeLessThanOrEqual(7_500);
    }
  }
  const long = SEEDS.flatMap((seed) => plan(seed, { durationMs: 1_800_000, tasksPerSecond: 1 }).schedule);
  const stops = long.filter(({ kind }) => kind === 'postgres-stop').map(({ lastsMs }) => lastsMs);
  expect(Math.max(...stops)).toBeGreaterThan(25_000);
  expect(Math.max(...stops)).toBeLessThanOrEqual(30_000);
});

test('tasks come in order, each once, about as many as asked for', () => {
  const { workload } = plan(1, { durationMs: 600_000, tasksPerSecond: 20 });
  expect(workload.map(({ atMs }) => atMs)).toEqual(workload.map(({ atMs }) => atMs).sort((a, b) => a - b));
  expect(new Set(workload.map(({ key }) => key)).size).toBe(workload.length);
  expect(workload.length).toBeGreaterThan(10_000);
  expect(workload.length).toBeLessThan(14_000);
  expect(workload.some(({ batch }) => batch !== null)).toBe(true);
});
