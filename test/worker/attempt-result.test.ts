import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  resultOf,
  resultOfUnstarted,
  spawnError,
  STOP_CAUSES,
  type StopCause,
} from '../../src/worker/attempt-result.ts';

const EXITED = { exitCode: 3, signal: null };
const KILLED = { exitCode: null, signal: 'SIGKILL' };
const BASE = { exit: EXITED, cause: null, stopSignal: 'SIGTERM', survivors: 0 } as const;

describe('by itself', () => {
  test.each([
    [EXITED, { reason: 'exited', exitCode: 3, signal: null, error: null }],
    [KILLED, { reason: 'signalled', exitCode: null, signal: 'SIGKILL', error: null }],
  ])('%o', (exit, result) => {
    expect(resultOf({ ...BASE, exit })).toEqual(result);
  });
});

describe('stopped', () => {
  const error = 'ran longer than timeout_ms (1000 ms)';
  test('the cause is the reason, and how the command ended is a fact beside it', () => {
    expect(resultOf({ ...BASE, cause: { kind: 'timed_out', error } })).toEqual({
      ...EXITED,
      reason: 'timed_out',
      error,
    });
    expect(resultOf({ ...BASE, exit: KILLED, cause: { kind: 'cancelled' } })).toEqual({
      ...KILLED,
      reason: 'cancelled',
      error: null,
    });
    expect(resultOf({ ...BASE, cause: { kind: 'handed_back' } })).toEqual({
      ...EXITED,
      reason: 'worker_lost',
      error: 'handed back: the worker had to leave before it ended',
    });
  });

  test('what was killed since the lease had ended is lost, and what had ended by itself before has ended so', () => {
    const cause: StopCause = { kind: 'fenced' };
    const lost = { reason: 'worker_lost', error: 'its worker could not renew its lease' };
    expect(resultOf({ ...BASE, exit: KILLED, cause })).toEqual({ ...KILLED, ...lost });
    expect(resultOf({ ...BASE, cause })).toEqual({ ...EXITED, reason: 'exited', error: null });
    expect(resultOf({ ...BASE, exit: { exitCode: null, signal: null }, cause, survivors: 1 })).toMatchObject({
      reason: 'worker_lost',
      error: `${lost.error}; 1 process could not be killed`,
    });
    expect(resultOfUnstarted(cause, 'SIGTERM')).toEqual({ ...lost, exitCode: null, signal: null });
  });

  test('what wrote too much has not exited, whatever its exit code', () => {
    const cause: StopCause = { kind: 'output_limit', limitBytes: 100 };
    expect(resultOf({ ...BASE, cause, exit: { exitCode: 0, signal: null }, stopSignal: 'SIGINT' })).toEqual({
      reason: 'signalled',
      exitCode: null,
      signal: 'SIGINT',
      error: 'wrote more than output_limit_bytes (100), then ended with exit code 0',
    });
    expect(resultOf({ ...BASE, cause, exit: KILLED })).toEqual({
      ...KILLED,
      reason: 'signalled',
      error: 'wrote more than output_limit_bytes (100)',
    });
  });

  test('what was never started has neither exit code nor signal', () => {
    expect(resultOfUnstarted({ kind: 'cancelled' }, 'SIGTERM')).toEqual({
      reason: 'cancelled',
      exitCode: null,
      signal: null,
      error: null,
    });
  });
});

test('an error that quotes something long is cut', () => {
  expect(spawnError('x'.repeat(200_000)).error).toHaveLength(4_096);
});

test('processes that could not be killed are told of', () => {
  expect(resultOf({ ...BASE, survivors: 1 }).error).toBe('1 process could not be killed');
  expect(resultOf({ ...BASE, survivors: 2, cause: { kind: 'timed_out', error: 'too long' } }).error).toBe(
    'too long; 2 processes could not be killed',
  );
});

test('there is never both an exit code and a signal, and success only for what ended by itself', () => {
  const exit = fc.oneof(
    fc.record({ exitCode: fc.integer({ min: 0, max: 255 }), signal: fc.constant(null) }),
    fc.record({ exitCode: fc.constant(null), signal: fc.option(fc.constantFrom('SIGTERM', 'SIGKILL')) }),
  );
  const cause = fc.option(
    fc.constantFrom(...STOP_CAUSES).map((kind): StopCause => {
      if (kind === 'timed_out') return { kind, error: 'too long' };
      return kind === 'output_limit' ? { kind, limitBytes: 1 } : { kind };
    }),
  );
  fc.assert(
    fc.property(exit, cause, fc.nat(3), (ended, stopped, survivors) => {
      const result = resultOf({ exit: ended, cause: stopped, stopSignal: 'SIGTERM', survivors });
      expect(result.exitCode === null || result.signal === null).toBe(true);
      if (stopped !== null && stopped.kind !== 'fenced') expect(result.reason).not.toBe('exited');
    }),
  );
});
