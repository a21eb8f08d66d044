import type { PlannedTask } from './events.ts';
import { ledgerCommand, type LedgerPaths } from './ledger.ts';
import type { Random } from './random.ts';
import { drawTask, type TaskDraft } from './task-kinds.ts';

export interface Arrival extends TaskDraft {
  /** From the beginning of the run. */
  readonly atMs: number;
  readonly key: string;
  readonly kind: string;
  /** Those with the same number are submitted in one request; `null`: alone. */
  readonly batch: number | null;
}

export interface WorkloadOptions {
  readonly durationMs: number;
  /** On average, bursts included. */
  readonly tasksPerSecond: number;
  readonly leaseMs: number;
}

/** Of a hundred tasks, so many come in bursts. */
const BURST_PERCENT = 30;
const BURST_LEAST = 5;
const BURST_MOST = 25;

/** A steady stream of tasks, and bursts of them in one request now and then; in the order in which they come. */
export function drawWorkload(random: Random, options: WorkloadOptions): Arrival[] {
  const { durationMs, leaseMs, tasksPerSecond } = options;
  const inBursts = (tasksPerSecond * BURST_PERCENT) / 100;
  const singles = arrivals(random.fork('singles'), durationMs, tasksPerSecond - inBursts);
  const bursts = arrivals(random.fork('bursts'), durationMs, inBursts / ((BURST_LEAST + BURST_MOST) / 2));
  const sizes = random.fork('sizes');
  const slots = [
    ...singles.map((atMs) => ({ atMs, batch: null })),
    ...bursts.flatMap((atMs, batch) =>
      Array.from({ length: sizes.integer(BURST_LEAST, BURST_MOST) }, () => ({ atMs, batch })),
    ),
  ].sort((a, b) => a.atMs - b.atMs);
  const tasks = random.fork('tasks');
  return slots.map((slot, index) => ({
    ...slot,
    key: `task-${index + 1}`,
    ...drawTask(tasks, { leaseMs, leftMs: durationMs - slot.atMs }),
  }));
}

function arrivals(random: Random, durationMs: number, perSecond: number): number[] {
  const instants: number[] = [];
  for (let atMs = random.waitMs(perSecond); atMs < durationMs; atMs += random.waitMs(perSecond)) {
    instants.push(Math.round(atMs));
  }
  return instants;
}

/** The task as it is submitted now, and the same however often the request is repeated. */
export function planTask(arrival: TaskDraft & Pick<Arrival, 'key' | 'kind'>, ledger: LedgerPaths): PlannedTask {
  const nowMs = Date.now();
  const { cancelAfterMs, deadlineInMs, dueInMs, endsItself, fields, key, kind, mayEnd, mostStarts, script } = arrival;
  const scheduledAtMs = dueInMs === null ? null : nowMs + dueInMs;
  const instant = (ms: number) => new Date(ms).toISOString();
  return {
    key,
    kind,
    body: {
      command: ledgerCommand(ledger, key, script),
      ...(scheduledAtMs === null ? {} : { scheduled_at: instant(scheduledAtMs) }),
      ...(deadlineInMs === null ? {} : { start_deadline: instant(nowMs + deadlineInMs) }),
      ...fields,
    },
    scheduledAtMs,
    mayEnd,
    mostStarts,
    cancelAfterMs,
    ...(endsItself ? { endsItself } : {}),
  };
}
