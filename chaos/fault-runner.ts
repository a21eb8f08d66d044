import type { InjectedFault } from './events.ts';
import type { World } from './faults/fault.ts';
import type { PlannedFault } from './plan.ts';

interface Ran {
  readonly planned: PlannedFault;
  readonly fault: InjectedFault;
  /** Until when it can have had an effect on others. */
  readonly overMs: number;
}

/** Told in a sentence. */
export type Tell = (text: string) => void;

/** Brings about each fault when its time comes, `beganMs` being by `performance.now()`; returns when all are over. */
export async function runFaults(
  schedule: readonly PlannedFault[],
  world: World,
  beganMs: number,
  tell: Tell,
): Promise<InjectedFault[]> {
  const running = schedule.map(async (planned) => {
    await world.pause(beganMs + planned.atMs - performance.now());
    tell(`${planned.kind} of ${planned.target}${planned.note === '' ? '' : `, ${planned.note}`}`);
    const ran = await bring(planned, world);
    const { recoveredAfterMs, recovery } = ran.fault;
    const after = recoveredAfterMs === null ? 'never' : `after ${(recoveredAfterMs / 1_000).toFixed(2)} s`;
    tell(`${planned.kind} of ${planned.target}: ${after} ${recovery}`);
    return ran;
  });
  const all = await Promise.all(running);
  return all.map((ran) => besideOthers(ran, all, world));
}

async function bring(planned: PlannedFault, world: World): Promise<Ran> {
  const { beganMs, countsFrom, healedMs, idle, mayCost, recovered, recovery } = await planned.bring(world);
  const recoveredMs = await recovered;
  const fromMs = countsFrom === 'began' ? beganMs : healedMs;
  const recoveredAfterMs = recoveredMs === null ? null : recoveredMs - fromMs;
  return {
    planned,
    fault: {
      kind: idle === true ? `${planned.kind}, idle` : planned.kind,
      target: planned.target,
      ...{ mayCost, beganMs, healedMs, recoveredAfterMs, recovery },
    },
    overMs: Math.max(healedMs, recoveredMs ?? Infinity),
  };
}

/**
 * Of two faults at once neither shows how long one alone takes, and what each must not cost both together can: a worker
 * goes on while PostgreSQL is away, and while a coordinator hangs, but not while nobody tells it which of both it is.
 */
function besideOthers(ran: Ran, all: readonly Ran[], { cluster, shape: { leaseMs } }: World): InjectedFault {
  const { fault, overMs, planned } = ran;
  const beside = (slackMs: number) =>
    all.filter(
      (other) => other !== ran && other.fault.beganMs <= overMs + slackMs && fault.beganMs <= other.overMs + slackMs,
    );
  if (beside(0).length === 0) return fault;
  const cutting = ['coordinator', 'database', 'sessions'];
  const together =
    cutting.includes(planned.area) && beside(leaseMs).some((other) => cutting.includes(other.planned.area));
  return {
    ...fault,
    kind: `${fault.kind}, with another`,
    mayCost: together ? cluster.workerIds : fault.mayCost,
  };
}
