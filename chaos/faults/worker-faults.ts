import type { Random } from '../random.ts';
import { trySignal } from '../process-list.ts';
import { seconds, type FaultKind } from './fault.ts';

/** A worker and what it runs. */
export const WORKER_FAULTS: readonly FaultKind[] = [
  killed('worker-kill', 'SIGKILL of a worker', 'its guardian clears up'),
  {
    ...killed('worker-and-guardian-kill', 'SIGKILL of a worker together with its guardian', 'nobody clears up'),
    beyondLimits: true,
  },
  {
    name: 'guardian-kill',
    description: 'SIGKILL of the guardian of a worker',
    draw: (random, { shape }) => {
      const target = random.pick(shape.workers);
      return {
        area: 'worker',
        target,
        lastsMs: 0,
        note: '',
        bring: ({ cluster, recovery }) => {
          const worker = cluster.member(target);
          const { guardian } = worker;
          const beganMs = Date.now();
          if (guardian !== undefined) trySignal(guardian, 'SIGKILL');
          return Promise.resolve({
            mayCost: [],
            beganMs,
            healedMs: beganMs,
            countsFrom: 'began',
            recovered: recovery.until(() => ![undefined, guardian].includes(worker.guardian)),
            recovery: 'the worker has another one',
          });
        },
      };
    },
  },
  {
    name: 'worker-halt',
    description: 'SIGSTOP of a worker, SIGCONT later',
    draw: (random, { shape }) => {
      const target = random.pick(shape.workers);
      const lastsMs = haltMs(random, shape.leaseMs);
      return {
        area: 'worker',
        target,
        lastsMs,
        note: `for ${seconds(lastsMs)}`,
        bring: ({ cluster, pause, recovery }) => {
          const worker = cluster.member(target);
          return worker.alone(async () => {
            const beganMs = Date.now();
            worker.signal('SIGSTOP');
            await pause(lastsMs);
            worker.signal('SIGCONT');
            const healedMs = Date.now();
            return {
              mayCost: [worker.id],
              beganMs,
              healedMs,
              countsFrom: 'healed',
              recovered: recovery.untilServed(() => [worker.id], healedMs),
              recovery: 'its lease was renewed',
            };
          });
        },
      };
    },
  },
  {
    name: 'worker-restart',
    description: 'SIGTERM of a worker, at times twice; it ends and is started again',
    draw: (random, { shape }) => {
      const target = random.pick(shape.workers);
      const hurry = random.chance(0.3) ? random.integer(200, 3_000) : undefined;
      return {
        area: 'worker',
        target,
        lastsMs: hurry ?? 6_000,
        note: hurry === undefined ? '' : `told again after ${seconds(hurry)}`,
        bring: ({ cluster, recovery, stopTimeoutMs }) => {
          const worker = cluster.member(target);
          return worker.alone(async () => {
            const mayCost = hurry === undefined ? [] : [worker.id];
            const beganMs = Date.now();
            await worker.stop(stopTimeoutMs, hurry);
            worker.start('anew');
            const healedMs = Date.now();
            return {
              mayCost,
              beganMs,
              healedMs,
              countsFrom: 'healed',
              recovered: recovery.untilServed(() => [worker.id], healedMs),
              recovery: 'it has registered',
            };
          });
        },
      };
    },
  },
  {
    name: 'worker-drain',
    description: 'a drain over REST, at times with a time limit; the worker leaves and is started again',
    draw: (random, { shape }) => {
      const target = random.pick(shape.workers);
      const timeoutMs = random.pick([500, 2_000, 60_000]);
      return {
        area: 'worker',
        target,
        lastsMs: Math.min(timeoutMs, 6_000),
        note: `within ${seconds(timeoutMs)}`,
        bring: ({ client, cluster, recovery, stopTimeoutMs }) => {
          const worker = cluster.member(target);
          return worker.alone(async () => {
            const mayCost = [worker.id];
            const beganMs = Date.now();
            worker.letLeave();
            await client.drain(worker.id, timeoutMs);
            // It is not told when it was not registered just then.
            if (!(await worker.untilEnded(timeoutMs + DRAIN_SLACK_MS))) await worker.stop(stopTimeoutMs);
            worker.start('anew');
            const healedMs = Date.now();
            return {
              mayCost,
              beganMs,
              healedMs,
              countsFrom: 'healed',
              recovered: recovery.untilServed(() => [worker.id], healedMs),
              recovery: 'it has registered',
            };
          });
        },
      };
    },
  },
];

/** After the time that a drain gives: what is stopped has 10 s of grace. */
const DRAIN_SLACK_MS = 12_000;

/** Half of them last longer than a lease. */
export function haltMs(random: Random, leaseMs: number): number {
  return random.chance(0.5) ? random.integer(leaseMs, 1.5 * leaseMs) : random.integer(0.1 * leaseMs, 0.6 * leaseMs);
}

function killed(name: string, description: string, what: string): FaultKind {
  return {
    name,
    description,
    draw: (random, { shape }) => {
      const target = random.pick(shape.workers);
      const asItself = random.chance(0.3);
      // Its id is taken until its lease has ended.
      const lastsMs = asItself ? shape.leaseMs + random.integer(1_000, 2_000) : random.integer(100, shape.leaseMs);
      return {
        area: 'worker',
        target,
        lastsMs,
        note: `${what}; back after ${seconds(lastsMs)} ${asItself ? 'under its own id' : 'under another id'}`,
        bring: ({ cluster, pause, recovery }) => {
          const worker = cluster.member(target);
          return worker.alone(async () => {
            const { guardian, id } = worker;
            const running = await recovery.runningOn(id);
            const beganMs = Date.now();
            if (name === 'worker-and-guardian-kill' && guardian !== undefined) trySignal(guardian, 'SIGKILL');
            await worker.kill();
            const recovered = recovery.untilStartedElsewhere(running);
            await pause(lastsMs);
            worker.start(asItself ? undefined : 'anew');
            return {
              mayCost: [id],
              beganMs,
              healedMs: Date.now(),
              countsFrom: 'began',
              recovered,
              recovery: `what ran there (${running.length}) has started elsewhere or ended`,
              idle: running.length === 0,
            };
          });
        },
      };
    },
  };
}
