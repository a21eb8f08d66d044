import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelClaims } from '../../src/db/cancel-claims.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { expireClaims } from '../../src/db/expire-claims.ts';
import { expireTasks } from '../../src/db/expire-tasks.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { giveUpClaims } from '../../src/db/give-up-claims.ts';
import { loseDispatched } from '../../src/db/lose-dispatched.ts';
import { loseOrphans } from '../../src/db/lose-orphans.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import { releaseClaims } from '../../src/db/release-claims.ts';
import { retryTask } from '../../src/db/retry-task.ts';
import type { RetryPolicy } from '../../src/domain/retry-policy.ts';
import {
  END_STATES,
  isEnd,
  transition,
  type AttemptResult,
  type TaskEvent,
  type TaskStanding,
} from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask, type StoredTask } from '../support/tasks.ts';
import { COORDINATOR, exited, report, WORKER } from './support/attempts.ts';

/*
 * The pure state machine and the SQL say the same: whatever happens to a task in whatever order, with current or stale
 * tokens, the row ends up where `transition` says.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** Delays are nothing or a day, and waiting is bounded by an hour, so that a retry clearly fits or does not. */
const policy: fc.Arbitrary<RetryPolicy> = fc.record(
  {
    max_attempts: fc.integer({ min: 1, max: 4 }),
    backoff: fc.constantFrom(
      { type: 'fixed', delay_ms: 0 } as const,
      { type: 'fixed', delay_ms: DAY_MS } as const,
      { type: 'list', delays_ms: [0, DAY_MS] } as const,
    ),
    retry_on: fc.subarray([
      { on: 'exit_code', codes: [1, '200-255'], max_retries: 1 } as const,
      { on: 'signal' } as const,
      { on: 'timeout', max_retries: 2 } as const,
      { on: 'spawn_error' } as const,
    ]),
    success_exit_codes: fc.constantFrom([0, 3], [3]),
  },
  { requiredKeys: ['max_attempts', 'backoff'] },
);
const profile = fc.record({
  retry: fc.option(policy),
  retryLost: fc.boolean(),
  totalTimeoutMs: fc.option(fc.constant(HOUR_MS)),
  giveUpInMs: fc.option(fc.constant(HOUR_MS)),
});
type Profile = typeof profile extends fc.Arbitrary<infer T> ? T : never;

const other = (reason: AttemptResult['reason'], signal: string | null = null) =>
  ({ reason, exitCode: null, signal, error: 'what went wrong' }) as const;
const results: readonly { readonly result: AttemptResult; readonly started: boolean }[] = [
  ...[0, 0, 1, 3, 255].map((code) => ({ result: exited(code), started: true })),
  { result: other('signalled', 'SIGSEGV'), started: true },
  { result: other('timed_out', 'SIGKILL'), started: true },
  { result: other('cancelled', 'SIGTERM'), started: true },
  { result: other('worker_lost', 'SIGTERM'), started: true },
  { result: other('worker_lost'), started: false },
  { result: other('spawn_error'), started: false },
  { result: other('rejected'), started: false },
];

/** Which token an event carries, relative to the task's current attempt. */
const staleness = fc.constantFrom(0, 0, 0, 0, 1, -1);

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'claim' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('release', 'give_up', 'start', 'start', 'lose', 'cancel_claim', 'expire_claim'),
      stale: staleness,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('finish' as const), stale: staleness, end: fc.constantFrom(...results) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'expire', 'retry') }) },
);
type Drawn = typeof event extends fc.Arbitrary<infer T> ? T : never;

function toEvent(drawn: Drawn, task: TaskStanding, { giveUpInMs, totalTimeoutMs }: Profile): TaskEvent {
  if (!('stale' in drawn)) return drawn;
  const attempt = task.attempt - drawn.stale;
  if (drawn.kind !== 'finish') return { kind: drawn.kind, attempt };
  const { result, started } = drawn.end;
  return { kind: 'finish', attempt, result, started, leftMs: task.started || started ? totalTimeoutMs : giveUpInMs };
}

/** Does `work` as it were too late for the task to wait any longer. */
async function whenTimeIsUp(taskId: string, work: () => Promise<unknown>): Promise<void> {
  const { give_up_at: before } = await storedTask(database.pool, taskId);
  const move = `UPDATE tasks SET give_up_at = $2 WHERE id = $1 AND state IN ('scheduled', 'picked', 'running')`;
  await database.pool.query(move, [taskId, new Date(0)]);
  await work();
  await database.pool.query(move, [taskId, before]);
}

async function apply(lane: string, taskId: string, happening: TaskEvent): Promise<void> {
  const db = database.pool;
  const keys = 'attempt' in happening ? [{ taskId, attempt: happening.attempt }] : [];
  const [key] = keys;
  switch (happening.kind) {
    case 'claim':
      await claimDueTasks(db, { coordinatorId: COORDINATOR, lane, priority: 0, lookaheadMs: 9e9, limit: 10 });
      return;
    case 'cancel':
      await cancelTask(db, taskId);
      return;
    case 'retry':
      await retryTask(db, taskId);
      return;
    case 'release':
      await releaseClaims(db, COORDINATOR, keys);
      return;
    case 'give_up':
      await giveUpClaims(db, COORDINATOR, keys);
      return;
    case 'cancel_claim':
      await cancelClaims(db, COORDINATOR, keys);
      return;
    case 'expire':
      return whenTimeIsUp(taskId, () => expireTasks(db));
    case 'expire_claim':
      return whenTimeIsUp(taskId, () => expireClaims(db, COORDINATOR, keys));
    case 'start':
      await markStarted(db, COORDINATOR, [{ ...key!, workerId: WORKER, startedAgeUs: 5 }]);
      return;
    case 'finish': {
      const over = happening.started ? {} : { startedAgeUs: null };
      await finishAttempts(db, COORDINATOR, [report(key!, happening.result, over)]);
      return;
    }
    case 'lose': {
      const { attempt, state } = await storedTask(db, taskId);
      // A claim is lost by its coordinator; of a run, the worker does not exist here.
      if (state === 'running' && attempt === happening.attempt) await loseOrphans(db);
      else await loseDispatched(db, COORDINATOR, keys);
      return;
    }
  }
}

/** What the row says, in the words of the machine. What only matters while a task has not ended is left out then. */
function standingOf(row: StoredTask) {
  return {
    state: row.state,
    attempt: row.attempt,
    lostAttempts: row.lost_attempts,
    retryCounts: row.retry_counts,
    cancelRequested: row.cancel_requested_at !== null,
    ...(isEnd(row.state as TaskStanding['state']) ? {} : { started: row.first_started_at !== null }),
  };
}

function standingFrom({ attempt, cancelRequested, lostAttempts, retryCounts, started, state }: TaskStanding) {
  return { state, attempt, lostAttempts, retryCounts, cancelRequested, ...(isEnd(state) ? {} : { started }) };
}

/** Journeys that between them take every step there is; drawn ones may miss some. */
const plain: Profile = { retry: null, retryLost: true, totalTimeoutMs: null, giveUpInMs: null };
const now = (kind: Exclude<Drawn, { end: unknown }>['kind']): Drawn => ({ kind, stale: 0 });
const journey = (kinds: string): Drawn[] => kinds.split(' ').map((kind) => now(kind as 'claim'));
const ends = (result: AttemptResult, started = true): Drawn => ({ kind: 'finish', stale: 0, end: { result, started } });
const patient: RetryPolicy = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: 0 } };
const tomorrow: RetryPolicy = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: DAY_MS } };
const returned = [...journey('claim start'), ends(other('worker_lost'), false)];
const claimAndFail = [now('claim'), ends(exited(1))];
const runAndFail = [...journey('claim start'), ends(exited(1))];
const JOURNEYS: [Profile, Drawn[]][] = [
  [plain, [...journey('claim start start'), ends(exited(0)), ...journey('retry claim'), ends(exited(0))]],
  [plain, journey('cancel retry claim cancel cancel_claim retry claim cancel release retry claim cancel give_up')],
  [plain, journey('claim cancel lose retry claim start cancel lose')],
  [plain, [...journey('claim cancel'), ends(exited(0)), ...journey('retry claim start cancel'), ends(exited(0))]],
  [plain, journey('expire retry claim expire_claim retry claim release claim give_up claim lose')],
  [plain, journey('claim start lose expire retry claim start lose claim expire_claim')],
  [plain, [...returned, ...returned, now('expire')]],
  [plain, [...journey('claim start lose'), ...returned, now('expire')]],
  [{ ...plain, retryLost: false }, journey('claim lose retry claim start lose')],
  [{ ...plain, retry: patient }, [...claimAndFail, ...claimAndFail, ...claimAndFail]],
  [{ ...plain, retry: patient }, [...runAndFail, ...runAndFail, ...runAndFail]],
  [{ ...plain, retry: tomorrow, totalTimeoutMs: HOUR_MS }, runAndFail],
  [{ ...plain, retry: tomorrow, giveUpInMs: HOUR_MS }, [now('claim'), ends(other('spawn_error'), false)]],
];

/** Every step there is. */
const STEPS = [
  'scheduled claim picked',
  'scheduled cancel cancelled',
  'scheduled expire expired',
  'scheduled expire failed',
  'picked release scheduled',
  'picked release cancelled',
  'picked give_up scheduled',
  'picked give_up cancelled',
  'picked start running',
  'picked cancel picked',
  'picked cancel_claim cancelled',
  'picked expire_claim expired',
  'picked expire_claim failed',
  'running start running',
  'running cancel running',
  ...['picked', 'running'].flatMap((state) => [
    `${state} finish completed`,
    `${state} finish failed`,
    `${state} finish cancelled`,
    `${state} finish scheduled`,
    `${state} lose scheduled`,
    `${state} lose failed`,
    `${state} lose cancelled`,
  ]),
  'picked finish expired',
  ...END_STATES.map((state) => `${state} retry scheduled`),
];

describe('the state machine', () => {
  test('SQL and transition() agree on every sequence of events', { timeout: 120_000 }, async () => {
    // Whoever has a row is not an orphan's owner.
    await database.pool.query(
      `INSERT INTO coordinators (id, hostname, address, version, lease_until) VALUES ($1, 'h', 'a', '0', 'infinity')`,
      [COORDINATOR],
    );
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        profile,
        fc.array(event, { minLength: 1, maxLength: 40, size: 'max' }),
        async (drawn, events) => {
          const queue = `q${randomUUID()}`.slice(0, 30);
          const { giveUpInMs, retry, retryLost, totalTimeoutMs } = drawn;
          const taskId = await seedTask(database.pool, {
            queue,
            dueInMs: -1,
            retryLost,
            ...(retry === null ? {} : { retry }),
            ...(totalTimeoutMs === null ? {} : { totalTimeoutMs }),
            ...(giveUpInMs === null ? {} : { giveUpInMs }),
          });
          let bounds = drawn;
          let expected: TaskStanding = {
            ...{ state: 'scheduled', attempt: 0, lostAttempts: 0, retryCounts: [] },
            ...{ retry, retryLost, started: false, startedBefore: false, cancelRequested: false },
          };
          for (const next of events) {
            const happening = toEvent(next, expected, bounds);
            await apply(queue, taskId, happening);
            const after = transition(expected, happening);
            if (after !== null) {
              seen.add(`${expected.state} ${happening.kind} ${after.state}`);
              // Whoever runs an ended task again does not want it to end for having been late.
              if (happening.kind === 'retry') bounds = { ...bounds, giveUpInMs: null };
              expected = after;
            }
            const row = await storedTask(database.pool, taskId);
            expect(standingOf(row), JSON.stringify(happening)).toEqual(standingFrom(expected));
            if (isEnd(expected.state)) expect(row[`${expected.state}_at`]).toBeInstanceOf(Date);
          }
          await database.pool.query('DELETE FROM tasks');
        },
      ),
      { numRuns: 250, examples: JOURNEYS },
    );
    // Were the events drawn badly, the property would hold for want of cases.
    expect([...seen].sort()).toEqual(STEPS.sort());
  });

  test('an end is final, unless somebody wants the task to run again', () => {
    const anyTask = fc.record({
      state: fc.constantFrom(...END_STATES),
      retry: fc.option(policy),
      retryLost: fc.boolean(),
      started: fc.boolean(),
      startedBefore: fc.boolean(),
      cancelRequested: fc.boolean(),
    });
    fc.assert(
      fc.property(event, anyTask, profile, (drawn, ended, bounds) => {
        fc.pre(drawn.kind !== 'retry');
        const task = { ...ended, attempt: 3, lostAttempts: 1, retryCounts: [1] };
        return transition(task, toEvent(drawn, task, bounds)) === null;
      }),
    );
  });
});
