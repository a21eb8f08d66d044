import { randomInt } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { Ledger } from '../support/ledger.ts';
import { allEnded, submitBatch, type ShownTask } from '../support/rest-client.ts';

/*
 * Thousands of tasks of many kinds, cancelled, timed out and retried at random. What really ran comes from a ledger on
 * disk that the commands write, one line as an attempt begins.
 */

const TASKS = 2_000;
const AT_ONCE = 32;
/** How long a command that is to be cancelled runs. */
const CANCELLED_RUN_S = 0.2;

/** One kind of task: what to run, and what must have become of task number `index`. */
interface Kind {
  readonly weight: number;
  readonly input: (index: number) => Readonly<Record<string, unknown>>;
  readonly expected: (index: number) => Expectation;
  /** Cancelled at a random moment; what follows is whatever the answer to the cancel said. */
  readonly cancelled?: boolean;
}

interface Expectation {
  readonly state: string;
  readonly reason: string | null;
  readonly exitCode?: number | null;
  /** How many attempts ran. */
  readonly runs: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
});
afterEach(() => ledger.remove());
const fixture = clusterForEachTest();

const begun = (index: number) => ledger.append(`${index} $HYDRA_ATTEMPT`);
const completed = { state: 'completed', reason: 'exited', exitCode: 0, runs: 1 };
const failed = (exitCode: number, runs: number) => ({ state: 'failed', reason: 'exited', exitCode, runs });
const timedOut = { state: 'failed', reason: 'timed_out', runs: 1 };
const lines = (count: number) => Array.from({ length: count }, (_, line) => `${line + 1}\n`).join('');

const kinds: Readonly<Record<string, Kind>> = {
  short: {
    weight: 30,
    input: (index) => ({ command: `${begun(index)}; echo out ${index}; echo err ${index} >&2` }),
    expected: (index) => ({ ...completed, stdout: `out ${index}\n`, stderr: `err ${index}\n` }),
  },
  argv: {
    weight: 5,
    input: (index) => ({ argv: ['sh', '-c', `${begun(index)}; printf '%s|' "$@"`, 'sh', 'a b', '$HOME', `${index}`] }),
    expected: (index) => ({ ...completed, stdout: `a b|$HOME|${index}|` }),
  },
  fails: {
    weight: 10,
    input: (index) => ({ command: `${begun(index)}; exit ${(index % 255) + 1}` }),
    expected: (index) => failed((index % 255) + 1, 1),
  },
  flaky: {
    weight: 10,
    input: (index) => ({
      command: `${begun(index)}; [ $HYDRA_ATTEMPT -ge 3 ] || exit 75; echo at last`,
      max_attempts: 5,
      backoff: { type: 'fixed', delay_ms: 1 + (index % 200) },
      retry_on: [{ on: 'exit_code', codes: [75] }],
    }),
    expected: () => ({ ...completed, runs: 3, stdout: 'at last\n' }),
  },
  hopeless: {
    weight: 5,
    input: (index) => ({
      command: `${begun(index)}; exit 9`,
      max_attempts: 3,
      backoff: { type: 'exponential', base_ms: 10, max_ms: 100 },
    }),
    expected: () => failed(9, 3),
  },
  tolerated: {
    weight: 3,
    input: (index) => ({ command: `${begun(index)}; exit 3`, success_exit_codes: [0, '2-4'] }),
    expected: () => ({ ...completed, exitCode: 3 }),
  },
  killed: {
    weight: 3,
    input: (index) => ({ command: `${begun(index)}; kill -KILL $$` }),
    expected: () => ({ state: 'failed', reason: 'signalled', runs: 1 }),
  },
  slow: {
    weight: 6,
    input: (index) => ({ command: `${begun(index)}; sleep 300`, timeout_ms: 150, grace_ms: 1_000 }),
    expected: () => timedOut,
  },
  stubborn: {
    weight: 3,
    input: (index) => ({
      command: `trap '' TERM; ${begun(index)}; while :; do sleep 0.1; done`,
      timeout_ms: 150,
      grace_ms: 100,
    }),
    expected: () => timedOut,
  },
  daemon: {
    weight: 5,
    input: (index) => ({
      command: `${begun(index)}; setsid sh -c 'sleep 300 & sleep 301' >/dev/null 2>&1 & sleep 300 & echo left`,
    }),
    expected: () => ({ ...completed, stdout: 'left\n' }),
  },
  chatty: {
    weight: 8,
    input: (index) => ({ command: `${begun(index)}; seq ${1_000 + index}; seq 10 >&2` }),
    expected: (index) => ({ ...completed, stdout: lines(1_000 + index), stderr: lines(10) }),
  },
  large: {
    weight: 2,
    input: (index) => ({ command: `${begun(index)}; seq 100000` }),
    expected: () => ({ ...completed, stdout: lines(100_000) }),
  },
  stdin: {
    weight: 3,
    input: (index) => ({ command: `${begun(index)}; cat`, stdin: `input of ${index}\n`.repeat(100) }),
    expected: (index) => ({ ...completed, stdout: `input of ${index}\n`.repeat(100) }),
  },
  expires: {
    weight: 2,
    input: () => ({ command: 'true', queue: 'unserved', start_deadline: new Date(Date.now() + 2_000).toISOString() }),
    expected: () => ({ state: 'expired', reason: null, runs: 0 }),
  },
  cancelled: {
    weight: 15,
    input: (index) => ({ command: `${begun(index)}; sleep ${CANCELLED_RUN_S} & wait`, grace_ms: 500 }),
    expected: () => completed,
    cancelled: true,
  },
};

const deck = Object.entries(kinds).flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name));

async function text(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.text();
}

/** Looks again until the command has begun; the test's own limit bounds it. */
async function hasBegun(index: number): Promise<void> {
  while (!ledger.lines().some((line) => line.startsWith(`${index} `))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs `work` for each item, some at once. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
    }),
  );
}

/** What the answer to a cancel says the task ends as. */
async function cancel(url: string, id: string): Promise<string> {
  const response = await fetch(`${url}/schedule/${id}`, { method: 'DELETE' });
  if (response.status === 409) return 'completed';
  if (response.status !== 200 && response.status !== 202) throw new Error(`cancel answered ${response.status}`);
  return 'cancelled';
}

test('every one of 2,000 mixed tasks ends once, as it must, with the output that its command wrote', async () => {
  const { schedulerUrl } = await fixture.start({ coordinators: 2, workers: 3, slots: 8 });
  const drawn = Array.from({ length: TASKS }, () => deck[randomInt(deck.length)]!);
  const ids = await submitBatch(
    schedulerUrl,
    drawn.map((name, index) => kinds[name]!.input(index)),
  );

  const answers = new Map<number, string>();
  const toCancel = drawn.flatMap((name, index) => (kinds[name]!.cancelled === true ? [index] : []));
  const cancelling = forEach(toCancel, async (index) => {
    // Half of them while they wait, the others anywhere from their start to after their end.
    if (index % 2 === 0) {
      await hasBegun(index);
      await new Promise((resolve) => setTimeout(resolve, randomInt(CANCELLED_RUN_S * 2_000)));
    }
    answers.set(index, await cancel(schedulerUrl, ids[index]!));
  });
  const [tasks] = await Promise.all([allEnded(schedulerUrl, ids), cancelling]);

  const runs = new Map<number, number[]>();
  for (const line of ledger.lines()) {
    const [index = -1, attempt = -1] = line.split(' ').map(Number);
    runs.set(index, [...(runs.get(index) ?? []), attempt]);
  }
  const faults: string[] = [];
  const check = (index: number, what: string, actual: unknown, wanted: unknown) => {
    if (actual === wanted) return;
    faults.push(`${index} (${drawn[index]!}) ${what}: ${String(actual)}, not ${String(wanted)} ${show(tasks[index]!)}`);
  };
  for (const [index, task] of tasks.entries()) {
    const { cancelled = false, expected } = kinds[drawn[index]!]!;
    const ran = runs.get(index) ?? [];
    check(index, 'distinct attempts that ran', new Set(ran).size, ran.length);
    if (cancelled) {
      check(index, 'state', task.state, answers.get(index));
      check(index, 'ran more than once', ran.length > 1, false);
      continue;
    }
    const wanted = expected(index);
    check(index, 'state', task.state, wanted.state);
    check(index, 'reason', task.reason, wanted.reason);
    if (wanted.exitCode !== undefined) check(index, 'exit code', task.exit_code, wanted.exitCode);
    check(index, 'attempts that ran', ran.length, wanted.runs);
  }
  await forEach([...tasks.entries()], async ([index, task]) => {
    const { expected, cancelled = false } = kinds[drawn[index]!]!;
    if (cancelled) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const wanted = expected(index)[stream];
      if (wanted === undefined) continue;
      const written = await text(`${schedulerUrl}/schedule/${task.id}/output?stream=${stream}`);
      check(index, `${stream} is what was written`, written === wanted, true);
    }
  });
  expect(faults).toEqual([]);
  expect(answers.size).toBe(toCancel.length);
  // Both must have been seen, or the races between cancelling and ending were not tried.
  expect(new Set(answers.values())).toEqual(new Set(['cancelled', 'completed']));
}, 300_000);

function show(task: ShownTask): string {
  return JSON.stringify(task);
}
