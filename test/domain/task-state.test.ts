import { describe, expect, test } from 'vitest';
import { MAX_LOST_ATTEMPTS, transition, type Finish, type TaskStanding } from '../../src/domain/task-state.ts';

/* That SQL says the same, for every event in every state, is in test/db/state-machine.test.ts. */

const task = (over: Partial<TaskStanding> = {}): TaskStanding => ({
  ...{ state: 'running', attempt: 2, lostAttempts: 0, retry: null, retryCounts: [], retryLost: true },
  ...{ started: true, startedBefore: true, cancelRequested: false },
  ...over,
});
const exit = (exitCode: number, over: Partial<Finish> = {}): Finish => ({
  ...{ kind: 'finish', attempt: 2, started: true, leftMs: null },
  result: { reason: 'exited', exitCode, signal: null, error: null },
  ...over,
});

describe('transition', () => {
  test('lets only the current attempt speak', () => {
    for (const attempt of [1, 3]) {
      expect(transition(task(), exit(0, { attempt }))).toBeNull();
      expect(transition(task({ state: 'picked' }), { kind: 'start', attempt })).toBeNull();
    }
    expect(transition(task(), exit(0))?.state).toBe('completed');
  });

  test('retries while there is time for it, to the millisecond', () => {
    const retry = { max_attempts: 2, backoff: { type: 'exponential', base_ms: 1_000 } } as const;
    const after = (leftMs: number | null, random = 0.5) =>
      transition(task({ retry }), exit(1, { leftMs }), () => random);
    expect(after(null)).toMatchObject({ state: 'scheduled', retryCounts: [1] });
    expect(after(500)).toMatchObject({ state: 'scheduled' });
    expect(after(499)).toMatchObject({ state: 'failed', retryCounts: [1] });
    expect(after(499, 0.1)).toMatchObject({ state: 'scheduled' });
  });

  test('gives up on what never started as expired, on what did as failed', () => {
    expect(transition(task({ state: 'scheduled', started: false }), { kind: 'expire' })?.state).toBe('expired');
    expect(transition(task({ state: 'scheduled' }), { kind: 'expire' })?.state).toBe('failed');
  });

  test('ends as cancelled whatever happens, once somebody asked', () => {
    const cancelling = transition(task(), { kind: 'cancel' })!;
    expect(cancelling).toMatchObject({ state: 'running', cancelRequested: true });
    expect(transition(cancelling, { kind: 'cancel' })).toBeNull();
    expect(transition(cancelling, exit(0))?.state).toBe('cancelled');
    expect(transition({ ...cancelling, retry: { max_attempts: 9 } }, exit(1))?.state).toBe('cancelled');
    expect(transition(cancelling, { kind: 'lose', attempt: 2 })?.state).toBe('cancelled');
  });

  test('counts what is lost apart from what is retried, up to a limit', () => {
    let standing = task({ attempt: 1, retry: { max_attempts: 2 }, retryCounts: [1] });
    for (let lost = 1; lost <= MAX_LOST_ATTEMPTS; lost++) {
      standing = transition(standing, { kind: 'lose', attempt: lost })!;
      expect(standing).toMatchObject({ state: 'scheduled', lostAttempts: lost, retryCounts: [1] });
      standing = transition(standing, { kind: 'claim' })!;
    }
    expect(transition(standing, { kind: 'lose', attempt: MAX_LOST_ATTEMPTS + 1 })?.state).toBe('failed');
    expect(transition(task({ retryLost: false }), { kind: 'lose', attempt: 2 })?.state).toBe('failed');
  });
});
