import { seconds, type FaultKind } from './fault.ts';

const HOUR_MS = 3_600_000;

/** The wall clock of a process. PostgreSQL's, which is the cluster's, is left alone. */
export const CLOCK_FAULTS: readonly FaultKind[] = [
  {
    name: 'clock-step',
    description: 'the wall clock of a process is off by up to an hour, for a while',
    draw: (random, { shape }) => {
      const target = random.pick([shape.scheduler, ...shape.coordinators, ...shape.workers]);
      const offMs = random.integer(1_000, HOUR_MS) * random.pick([1, -1]);
      const lastsMs = random.integer(1_000, 2 * shape.leaseMs);
      return {
        area: 'clock',
        target,
        lastsMs,
        note: `by ${seconds(offMs)} for ${seconds(lastsMs)}`,
        bring: async ({ cluster, pause, recovery }) => {
          const member = cluster.member(target);
          const beganMs = Date.now();
          member.stepClock(offMs);
          const recovered = recovery.untilTaskRuns();
          await pause(lastsMs);
          member.stepClock(0);
          return {
            mayCost: [],
            beganMs,
            healedMs: Date.now(),
            countsFrom: 'began',
            recovered,
            recovery: 'a task that was submitted when it was stepped has run',
          };
        },
      };
    },
  },
];
