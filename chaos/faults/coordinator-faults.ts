import type { LinkFault } from '../link.ts';
import type { Random } from '../random.ts';
import { seconds, type Brought, type FaultKind, type World } from './fault.ts';
import { haltMs } from './worker-faults.ts';

const ELSEWHERE = 'its workers have a lease at a live coordinator, from the beginning of the fault on';

/** A coordinator: that it dies, hangs, stops, or is cut off from PostgreSQL while the other one is not. */
export const COORDINATOR_FAULTS: readonly FaultKind[] = [
  {
    name: 'coordinator-kill',
    description: 'SIGKILL of a coordinator',
    draw: (random, { shape }) => {
      const target = random.pick(shape.coordinators);
      const lastsMs = random.integer(100, 1.5 * shape.leaseMs);
      return {
        area: 'coordinator',
        target,
        lastsMs,
        note: `back after ${seconds(lastsMs)}`,
        bring: (world) =>
          leaving(world, target, 'ends', async () => {
            const coordinator = world.cluster.member(target);
            await coordinator.kill();
            await world.pause(lastsMs);
            coordinator.start();
          }),
      };
    },
  },
  {
    name: 'coordinator-halt',
    description: 'SIGSTOP of a coordinator, SIGCONT later',
    draw: (random, { shape }) => {
      const target = random.pick(shape.coordinators);
      const lastsMs = haltMs(random, shape.leaseMs);
      return {
        area: 'coordinator',
        target,
        lastsMs,
        note: `for ${seconds(lastsMs)}`,
        bring: (world) =>
          leaving(world, target, 'stays', async () => {
            const coordinator = world.cluster.member(target);
            coordinator.signal('SIGSTOP');
            await world.pause(lastsMs);
            coordinator.signal('SIGCONT');
          }),
      };
    },
  },
  {
    name: 'coordinator-restart',
    description: 'SIGTERM of a coordinator; it ends and is started again',
    draw: (random, { shape }) => {
      const target = random.pick(shape.coordinators);
      const awayMs = random.integer(0, shape.leaseMs);
      return {
        area: 'coordinator',
        target,
        lastsMs: awayMs,
        note: `back ${seconds(awayMs)} after its end`,
        bring: (world) =>
          leaving(world, target, 'ends', async () => {
            const coordinator = world.cluster.member(target);
            await coordinator.stop(world.stopTimeoutMs);
            await world.pause(awayMs);
            coordinator.start();
          }),
      };
    },
  },
  {
    name: 'coordinator-alone',
    description: 'one coordinator is cut off from PostgreSQL, the other is not',
    draw: (random, { shape }) => {
      const target = random.pick(shape.coordinators);
      const lastsMs = random.integer(0.3 * shape.leaseMs, 2 * shape.leaseMs);
      const fault = cutOff(random);
      return {
        area: 'coordinator',
        target,
        lastsMs,
        note: `${fault.kind} for ${seconds(lastsMs)}`,
        bring: (world) =>
          leaving(world, target, 'stays', async () => {
            const link = world.cluster.link(`${target}→${world.shape.postgres}`);
            link.break(fault);
            await world.pause(lastsMs);
            link.mend();
          }),
      };
    },
  },
  {
    name: 'blackout',
    description: 'SIGKILL of all coordinators for longer than a lease: workers kill what they run',
    draw: (random, { shape }) => {
      const lastsMs = random.integer(1.2 * shape.leaseMs, 2 * shape.leaseMs);
      return {
        area: 'everything',
        target: 'all coordinators',
        lastsMs,
        note: `back after ${seconds(lastsMs)}`,
        bring: async ({ cluster, pause, recovery, shape: { coordinators } }) => {
          const members = coordinators.map((name) => cluster.member(name));
          const mayCost = cluster.workerIds;
          const beganMs = Date.now();
          await Promise.all(members.map((member) => member.kill()));
          await pause(lastsMs);
          for (const member of members) member.start();
          const healedMs = Date.now();
          return {
            mayCost,
            beganMs,
            healedMs,
            countsFrom: 'healed',
            recovered: recovery.untilTaskRuns(),
            recovery: 'a new task has run',
          };
        },
      };
    },
  },
];

function cutOff(random: Random): LinkFault {
  return random.pick<LinkFault>([
    { kind: 'refuse' },
    { kind: 'half-open', afterwards: 'reset' },
    { kind: 'stall', direction: 'both' },
    { kind: 'stall', direction: 'to the server' },
    { kind: 'stall', direction: 'to the client' },
  ]);
}

/** The workers of a coordinator must be served in time, by it or by another one, whatever `what` does to it. */
async function leaving(
  world: World,
  target: string,
  itself: 'ends' | 'stays',
  what: () => Promise<void>,
): Promise<Brought> {
  const coordinator = world.cluster.member(target);
  return coordinator.alone(async () => {
    const { coordinatorId, workers } = await world.recovery.workersOf(coordinator);
    const isThere = (id: string) => world.cluster.members.some((member) => member.id === id && member.running);
    const beganMs = Date.now();
    const gone = itself === 'ends' ? coordinatorId : undefined;
    const recovered = world.recovery.untilServed(() => workers.filter(isThere), beganMs, gone);
    await what();
    return {
      ...{ mayCost: [], beganMs, healedMs: Date.now(), countsFrom: 'began', recovered, recovery: ELSEWHERE },
      idle: workers.length === 0,
    };
  });
}
