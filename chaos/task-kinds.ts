import { createHash } from 'node:crypto';
import type { PlannedTask } from './events.ts';
import type { Random } from './random.ts';

type End = PlannedTask['mayEnd'][number];

/** A task as it was drawn: what is not known before it is submitted is left open. */
export interface TaskDraft {
  /** What the shell does between the two lines of the ledger. */
  readonly script: string;
  readonly mayEnd: readonly End[];
  /** Fields of the body beside the command. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Due so long after it is submitted; `null`: at once. */
  readonly dueInMs: number | null;
  /** To start within so long after it is submitted; `null`: whenever. */
  readonly deadlineInMs: number | null;
  readonly cancelAfterMs: number | null;
  readonly mostStarts: number | null;
  readonly endsItself: boolean;
}

interface TaskKind {
  /** How many of a hundred are of this kind, more or less. */
  readonly weight: number;
  readonly draw: (random: Random, options: DrawOptions) => Drawn;
}

export interface DrawOptions {
  readonly leaseMs: number;
  /** Until the run has lasted as long as it is to. */
  readonly leftMs: number;
}

type Drawn = Partial<TaskDraft> & Pick<TaskDraft, 'script' | 'mayEnd'>;

/** What no task of the workload lives to see. */
const FOR_EVER = 'sleep 300';
/** Never served by a worker of the harness. */
const UNSERVED_QUEUE = 'nobody';
const OUTPUT_LIMIT_BYTES = 65_536;

const seconds = (ms: number) => (ms / 1_000).toFixed(3);
const sleep = (random: Random, leastMs: number, mostMs: number) => `sleep ${seconds(random.integer(leastMs, mostMs))}`;

const kinds = {
  quick: { weight: 18, draw: () => ({ script: ':', mayEnd: ['completed'] }) },
  sleeping: {
    weight: 22,
    draw: (random) => ({ script: sleep(random, 1_000, 8_000), mayEnd: ['completed'] }),
  },
  'longer than a lease': {
    weight: 5,
    draw: (random, { leaseMs }) => ({ script: sleep(random, 1.2 * leaseMs, 2 * leaseMs), mayEnd: ['completed'] }),
  },
  later: {
    weight: 10,
    draw: (random, { leftMs }) => ({
      script: ':',
      mayEnd: ['completed'],
      // Some further ahead than coordinators look.
      dueInMs:
        random.chance(0.1) && leftMs > 40_000
          ? random.integer(30_000, 40_000)
          : random.integer(300, Math.min(15_000, leftMs + 5_000)),
    }),
  },
  retried: {
    weight: 6,
    draw: (random) => {
      const failures = random.integer(1, 3);
      return {
        script: `test "$HYDRA_ATTEMPT" -gt ${failures} || exit 75`,
        mayEnd: ['completed'],
        fields: { max_attempts: failures + 1, backoff: { type: 'exponential', base_ms: 200, max_ms: 2_000 } },
      };
    },
  },
  failing: { weight: 4, draw: () => ({ script: 'exit 9', mayEnd: ['failed'] }) },
  'killed by itself': {
    weight: 2,
    draw: () => ({ script: 'kill -KILL $$', mayEnd: ['failed'], endsItself: true }),
  },
  'timing out': {
    weight: 4,
    draw: (random) => ({
      script: FOR_EVER,
      mayEnd: ['failed'],
      fields: { timeout_ms: random.integer(300, 2_000), grace_ms: 1_000 },
    }),
  },
  stubborn: {
    weight: 2,
    draw: (random) => ({
      script: `trap '' TERM; while :; do sleep 0.1; done`,
      mayEnd: ['failed'],
      fields: { timeout_ms: random.integer(300, 1_500), grace_ms: 200 },
    }),
  },
  'out of time in all': {
    weight: 2,
    draw: (random) => ({
      script: 'sleep 0.2; exit 1',
      mayEnd: ['failed'],
      fields: {
        max_attempts: 50,
        backoff: { type: 'fixed', delay_ms: 300 },
        total_timeout_ms: random.integer(1_000, 4_000),
      },
    }),
  },
  cancelled: {
    weight: 6,
    draw: (random) => ({
      script: `${sleep(random, 1_000, 6_000)} & wait`,
      mayEnd: ['completed', 'cancelled'],
      cancelAfterMs: random.integer(0, 5_000),
      fields: { grace_ms: 500 },
    }),
  },
  'cancelled ahead': {
    weight: 2,
    draw: (random) => ({
      script: ':',
      mayEnd: ['completed', 'cancelled'],
      dueInMs: random.integer(500, 6_000),
      cancelAfterMs: random.integer(0, 6_000),
    }),
  },
  flood: {
    weight: 3,
    draw: (random) => ({
      script: `head -c ${random.integer(10_000, 3_000_000)} /dev/zero | tr '\\0' x; echo done >&2`,
      mayEnd: ['completed'],
      fields: { output_limit_bytes: OUTPUT_LIMIT_BYTES },
    }),
  },
  'too much output': {
    weight: 1,
    draw: () => ({
      // Nothing is left that could say that it ended by itself.
      script: 'exec yes',
      mayEnd: ['failed'],
      fields: { output_limit_bytes: OUTPUT_LIMIT_BYTES, on_output_limit: 'kill' },
      endsItself: true,
    }),
  },
  reading: {
    weight: 4,
    draw: (random) => {
      const bytes = random.chance(0.1) ? random.integer(200_000, 400_000) : random.integer(100, 20_000);
      const word = `${random.integer(0, 2 ** 31)} `;
      const stdin = word.repeat(Math.ceil(bytes / word.length)).slice(0, bytes);
      const hash = createHash('sha256').update(stdin).digest('hex');
      return { script: `test "$(sha256sum)" = '${hash}  -'`, mayEnd: ['completed'], fields: { stdin } };
    },
  },
  tree: {
    weight: 5,
    draw: (random) => ({
      script: `setsid sh -c '${FOR_EVER} & ${FOR_EVER}' & (setsid ${FOR_EVER} &) ; ${sleep(random, 0, 4_000)}`,
      mayEnd: ['completed'],
    }),
  },
  'tree that times out': {
    weight: 2,
    draw: (random) => ({
      script: `setsid sh -c "trap '' TERM; ${FOR_EVER} & wait; ${FOR_EVER}" & ${FOR_EVER}`,
      mayEnd: ['failed'],
      fields: { timeout_ms: random.integer(300, 2_000), grace_ms: 300 },
    }),
  },
  once: {
    weight: 6,
    draw: (random) => ({
      script: sleep(random, 200, 4_000),
      mayEnd: ['completed', 'failed'],
      mostStarts: 1,
      fields: { on_worker_lost: 'fail' },
    }),
  },
  'with a deadline': {
    weight: 4,
    draw: (random) => ({
      script: sleep(random, 0, 500),
      mayEnd: ['completed', 'expired'],
      deadlineInMs: random.integer(200, 4_000),
    }),
  },
  unserved: {
    weight: 1,
    draw: (random) => ({
      script: ':',
      mayEnd: ['expired'],
      deadlineInMs: random.integer(200, 4_000),
      fields: { queue: UNSERVED_QUEUE },
    }),
  },
} satisfies Record<string, TaskKind>;

export const TASK_KINDS: readonly string[] = Object.keys(kinds);

/** One ticket for each of about a hundred tasks. */
const lots = Object.entries<TaskKind>(kinds).flatMap(([name, { weight }]) =>
  Array.from({ length: weight }, () => name as keyof typeof kinds),
);

export function drawTask(random: Random, options: DrawOptions): TaskDraft & { readonly kind: string } {
  const kind = random.pick(lots);
  const { draw }: TaskKind = kinds[kind];
  const drawn = draw(random, options);
  const priority = random.chance(0.2) ? { priority: random.integer(-50, 50) } : {};
  return {
    kind,
    dueInMs: null,
    deadlineInMs: null,
    cancelAfterMs: null,
    mostStarts: null,
    endsItself: false,
    ...drawn,
    fields: { ...priority, ...drawn.fields },
  };
}

/** Longest that a command of the workload runs, when nothing befalls it. */
export function longestTaskMs(leaseMs: number): number {
  return Math.max(8_000, 2 * leaseMs);
}
