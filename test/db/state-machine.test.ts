import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimDueTasks } from '../../src/db/claim-due-tasks.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { giveUpClaims } from '../../src/db/give-up-claims.ts';
import { loseDispatched } from '../../src/db/lose-dispatched.ts';
import { markStarted } from '../../src/db/mark-started.ts';
import { registerWorker } from '../../src/db/register-worker.ts';
import { releaseClaims } from '../../src/db/release-claims.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { isEnd, transition, type TaskEvent, type TaskStanding } from '../../src/domain/task-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTask, storedTask } from '../support/tasks.ts';

/*
 * The pure state machine and the SQL say the same: whatever happens to a task in whatever order, with current or stale
 * tokens, the row ends up where `transition` says.
 */

const COORDINATOR = randomUUID();
const WORKER = 'worker';
const NOTHING = { head: Buffer.alloc(0), totalBytes: 0 };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** Which token an event carries, relative to the task's current attempt. */
const staleness = fc.constantFrom(0, 0, 0, 1, -1);

const event = fc.oneof(
  fc.constant({ kind: 'claim' as const }),
  fc.record({ kind: fc.constant('release' as const), stale: staleness }),
  fc.record({ kind: fc.constant('give_up' as const), stale: staleness }),
  fc.record({ kind: fc.constant('start' as const), stale: staleness }),
  fc.record({ kind: fc.constant('finish' as const), stale: staleness, exitCode: fc.constantFrom(0, 0, 1, 255) }),
  fc.record({ kind: fc.constant('lose' as const), stale: staleness }),
  fc.constant({ kind: 'cancel' as const }),
);
type Drawn = typeof event extends fc.Arbitrary<infer T> ? T : never;

function toEvent(drawn: Drawn, task: TaskStanding): TaskEvent {
  switch (drawn.kind) {
    case 'claim':
    case 'cancel':
      return drawn;
    case 'finish':
      return {
        kind: 'finish',
        attempt: task.attempt - drawn.stale,
        result: { reason: 'exited', exitCode: drawn.exitCode, signal: null, error: null },
      };
    case 'release':
    case 'give_up':
    case 'start':
    case 'lose':
      return { kind: drawn.kind, attempt: task.attempt - drawn.stale };
  }
}

async function apply(lane: string, taskId: string, happening: TaskEvent, state: string): Promise<void> {
  const db = database.pool;
  switch (happening.kind) {
    case 'claim':
      await claimDueTasks(db, { coordinatorId: COORDINATOR, lane, priority: 0, lookaheadMs: 0, limit: 10 });
      return;
    case 'cancel':
      await cancelTask(db, taskId);
      return;
    case 'release':
      await releaseClaims(db, COORDINATOR, [{ taskId, attempt: happening.attempt }]);
      return;
    case 'give_up':
      await giveUpClaims(db, COORDINATOR, [{ taskId, attempt: happening.attempt }]);
      return;
    case 'start':
      await markStarted(db, COORDINATOR, [{ taskId, attempt: happening.attempt, workerId: WORKER, startedAgeUs: 5 }]);
      return;
    case 'finish': {
      const { attempt, result } = happening;
      const report = { workerId: WORKER, startedAgeUs: 9, endedAgeUs: 3, result, stdout: NOTHING, stderr: NOTHING };
      await finishAttempts(db, COORDINATOR, [{ taskId, attempt, ...report }]);
      return;
    }
    case 'lose':
      // A claim is lost by its coordinator, a run by a worker that registers without it.
      if (state === 'running' && happening.attempt === (await storedTask(db, taskId)).attempt) {
        await registerWorker(
          db,
          {
            workerId: WORKER,
            instanceId: randomUUID(),
            sessionId: randomUUID(),
            coordinatorId: COORDINATOR,
            ...{
              hostname: 'host',
              pid: 1,
              version: '0',
              slots: 1,
              labels: {},
              queues: ['*'],
              draining: false,
              ordinal: 1,
            },
            inHand: [],
          },
          0,
        );
        return;
      }
      await loseDispatched(db, COORDINATOR, [{ taskId, attempt: happening.attempt }]);
      return;
  }
}

describe('the state machine', () => {
  test('SQL and transition() agree on every sequence of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 25 }), async (events) => {
        const queue = `q${randomUUID()}`.slice(0, 30);
        const taskId = await seedTask(database.pool, { queue, dueInMs: -1 });
        let expected: TaskStanding = { state: 'scheduled', attempt: 0, lostAttempts: 0 };
        for (const drawn of events) {
          const happening = toEvent(drawn, expected);
          await apply(queue, taskId, happening, expected.state);
          expected = transition(expected, happening) ?? expected;
          const row = await storedTask(database.pool, taskId);
          expect({ state: row.state, attempt: row.attempt, lostAttempts: row.lost_attempts }).toEqual(expected);
          if (isEnd(expected.state)) expect(row[`${expected.state}_at` as 'failed_at']).toBeInstanceOf(Date);
        }
        await database.pool.query('DELETE FROM tasks');
      }),
      { numRuns: 150 },
    );
  });

  test('an end is final', () => {
    fc.assert(
      fc.property(event, fc.constantFrom('completed', 'failed', 'cancelled', 'expired'), (drawn, state) => {
        const task = { state, attempt: 3, lostAttempts: 1 } as const;
        return transition(task, toEvent(drawn, task)) === null;
      }),
    );
  });
});
