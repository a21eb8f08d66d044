import { FAULT_KINDS } from './faults/catalogue.ts';
import { seconds, type Area, type DrawOptions, type FaultDraft, type FaultKind } from './faults/fault.ts';
import { Random } from './random.ts';
import { clusterShape, type Shape } from './shape.ts';
import { drawWorkload, type Arrival } from './workload.ts';

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly tasksPerSecond: number;
  readonly leaseMs: number;
  /** Names of {@link FAULT_KINDS}. */
  readonly faults: readonly string[];
}

export interface PlannedFault extends FaultDraft {
  readonly kind: string;
  /** From the beginning of the run. */
  readonly atMs: number;
}

/** All that follows from a seed: what is submitted when, and what befalls the cluster when. */
export interface Plan extends PlanOptions {
  readonly shape: Shape;
  readonly workload: readonly Arrival[];
  /** In the order in which they begin. */
  readonly schedule: readonly PlannedFault[];
}

/** Before the first fault. */
const WARM_UP_MS = 3_000;
/** A run that is as long as this has outages as long as the longest that Hydra promises to survive. */
const PATIENT_MS = 600_000;
/** How often a fault is followed by another one while it lasts. */
const OVERLAP = 0.3;
/** How often a kind is drawn anew, to find a target that goes together with the fault before it. */
const DRAWS = 10;

export function makePlan(options: PlanOptions): Plan {
  const { durationMs, faults, leaseMs, seed, tasksPerSecond } = options;
  const shape = clusterShape(leaseMs);
  return {
    ...options,
    shape,
    workload: drawWorkload(new Random(seed, 'workload'), { durationMs, tasksPerSecond, leaseMs }),
    schedule: drawSchedule(new Random(seed, 'faults'), faults, durationMs, {
      shape,
      patient: durationMs >= PATIENT_MS,
    }),
  };
}

/**
 * Faults one after another, with quiet in between, so that recovery can be seen, and at times two at once. Each kind
 * comes once before any comes again.
 */
function drawSchedule(
  random: Random,
  names: readonly string[],
  durationMs: number,
  options: DrawOptions,
): PlannedFault[] {
  const kinds = FAULT_KINDS.filter(({ name }) => names.includes(name));
  if (kinds.length === 0) return [];
  const { leaseMs } = options.shape;
  const schedule: PlannedFault[] = [];
  const bag: FaultKind[] = [];
  for (let atMs = WARM_UP_MS; ;) {
    if (bag.length < 2) bag.push(...random.shuffled(kinds));
    const kind = bag.shift();
    if (kind === undefined) return schedule;
    const first = { atMs, kind: kind.name, ...kind.draw(random, options) };
    if (endOf(first) > durationMs) return schedule;
    schedule.push(first);
    const second = random.chance(OVERLAP) ? drawBeside(random, first, bag, durationMs, options) : undefined;
    if (second !== undefined) schedule.push(second);
    const quietMs = random.integer(0.7 * leaseMs + 500, 1.3 * leaseMs + 1_500);
    atMs = Math.max(endOf(first), second === undefined ? 0 : endOf(second)) + quietMs;
  }
}

const endOf = ({ atMs, lastsMs }: PlannedFault) => atMs + lastsMs;

/** A fault that begins while another one lasts, or soon after, and hits another area. */
function drawBeside(
  random: Random,
  first: PlannedFault,
  bag: FaultKind[],
  durationMs: number,
  options: DrawOptions,
): PlannedFault | undefined {
  const kind = bag[0];
  if (kind === undefined) return undefined;
  const atMs = first.atMs + random.integer(0, Math.max(first.lastsMs, 0.5 * options.shape.leaseMs));
  for (let draws = 0; draws < DRAWS; draws++) {
    const second = { atMs, kind: kind.name, ...kind.draw(random, options) };
    if (!goTogether(first, second) || endOf(second) > durationMs) continue;
    bag.shift();
    return second;
  }
  return undefined;
}

function goTogether(a: PlannedFault, b: PlannedFault): boolean {
  const alone = (fault: PlannedFault) =>
    fault.area === ('everything' satisfies Area) || fault.kind === 'session-refuse';
  return a.area !== b.area && !alone(a) && !alone(b);
}

export function describePlan({ durationMs, leaseMs, schedule, seed, workload }: Plan): string {
  const lines = schedule.map(({ atMs, kind, note, target }) =>
    `  ${`+${seconds(atMs)}`.padStart(9)}  ${kind.padEnd(24)} ${target}${note === '' ? '' : `, ${note}`}`.trimEnd(),
  );
  const what = `${seconds(durationMs)}, leases of ${seconds(leaseMs)}, ${workload.length} tasks, ${schedule.length} faults`;
  return [`seed ${seed}: ${what}`, ...lines].join('\n');
}
