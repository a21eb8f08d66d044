import type { Brought, FaultKind, World } from './fault.ts';
import { seconds } from './fault.ts';
import { haltMs } from './worker-faults.ts';

/** The scheduler, of which there is one: requests must wait until it is back. */
export const SCHEDULER_FAULTS: readonly FaultKind[] = [
  {
    name: 'scheduler-kill',
    description: 'SIGKILL of the scheduler',
    draw: (random, { shape: { leaseMs, scheduler } }) => {
      const lastsMs = random.integer(100, leaseMs);
      return {
        area: 'scheduler',
        target: scheduler,
        lastsMs,
        note: `back after ${seconds(lastsMs)}`,
        bring: (world) =>
          withoutScheduler(world, async () => {
            const member = world.cluster.member(scheduler);
            await member.kill();
            await world.pause(lastsMs);
            member.start();
          }),
      };
    },
  },
  {
    name: 'scheduler-halt',
    description: 'SIGSTOP of the scheduler, SIGCONT later',
    draw: (random, { shape: { leaseMs, scheduler } }) => {
      const lastsMs = haltMs(random, leaseMs);
      return {
        area: 'scheduler',
        target: scheduler,
        lastsMs,
        note: `for ${seconds(lastsMs)}`,
        bring: (world) =>
          withoutScheduler(world, async () => {
            const member = world.cluster.member(scheduler);
            member.signal('SIGSTOP');
            await world.pause(lastsMs);
            member.signal('SIGCONT');
          }),
      };
    },
  },
  {
    name: 'scheduler-restart',
    description: 'SIGTERM of the scheduler; it ends and is started again',
    draw: (_random, { shape: { scheduler } }) => ({
      area: 'scheduler',
      target: scheduler,
      lastsMs: 0,
      note: '',
      bring: (world) =>
        withoutScheduler(world, async () => {
          const member = world.cluster.member(scheduler);
          await member.stop(world.stopTimeoutMs);
          member.start();
        }),
    }),
  },
];

function withoutScheduler(world: World, what: () => Promise<void>): Promise<Brought> {
  return world.cluster.member(world.shape.scheduler).alone(async () => {
    const beganMs = Date.now();
    await what();
    const healedMs = Date.now();
    const recovered = world.recovery.untilAnswered();
    return { mayCost: [], beganMs, healedMs, countsFrom: 'healed', recovered, recovery: 'a request was answered' };
  });
}
