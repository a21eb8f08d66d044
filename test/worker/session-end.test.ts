import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { HOLDS_OFF_METADATA } from '../../src/rpc/messages.ts';
import { answerOfEnd, meaningOf, type SessionEnd } from '../../src/worker/session-end.ts';

function ended(code: status, details = 'why', holdsOff?: string): SessionEnd {
  const metadata = new Metadata();
  if (holdsOff !== undefined) metadata.set(HOLDS_OFF_METADATA, holdsOff);
  return { kind: 'status', code, details, metadata, askedAtMs: 5 };
}

describe('what an end says of the coordinator', () => {
  test('that it holds off, when it says so', () => {
    expect(answerOfEnd(ended(status.UNAVAILABLE, 'it stops', '15000'))).toEqual({
      kind: 'holds_off',
      askedAtMs: 5,
      holdsOffMs: 15_000,
      why: 'does not serve: it stops',
    });
  });

  test.each([
    ['in words that are not a number', ended(status.UNAVAILABLE, 'it stops', 'soon')],
    ['of a number that is none', ended(status.UNAVAILABLE, 'it stops', '-1')],
    ['with another status', ended(status.ABORTED, 'a newer session', '15000')],
    ['not at all', ended(status.UNAVAILABLE)],
    ['since it was given up', { kind: 'given_up', why: 'silence' } as const],
  ])('nothing when it says so %s', (_, end) => {
    expect(answerOfEnd(end).kind).toBe('unknown');
  });

  test('that nobody is there, when the connection is refused', () => {
    const refused =
      'No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.1:5001. Resolution note: ';
    expect(answerOfEnd(ended(status.UNAVAILABLE, refused))).toMatchObject({ kind: 'absent', askedAtMs: 5 });
    const unreachable = refused.replace('ECONNREFUSED', 'EHOSTUNREACH');
    expect(answerOfEnd(ended(status.UNAVAILABLE, unreachable))).toEqual({
      kind: 'unknown',
      why: 'cannot be connected to (EHOSTUNREACH)',
    });
  });

  test('no more than fits on a line', () => {
    expect(answerOfEnd(ended(status.INTERNAL, 'x'.repeat(10_000))).why.length).toBeLessThan(300);
  });
});

describe('what an end means', () => {
  test.each([
    [ended(status.ALREADY_EXISTS), 'error', false],
    [ended(status.INVALID_ARGUMENT), 'error', true],
    [ended(status.UNIMPLEMENTED), 'error', true],
    [ended(status.UNAVAILABLE), 'warn', false],
    [ended(status.ABORTED), 'warn', false],
    [{ kind: 'given_up', why: 'silence' } as const, 'warn', false],
  ])('%o', (end, level, hopeless) => {
    expect(meaningOf(end, 'worker-1')).toEqual({ level, hopeless, message: expect.stringMatching(/\w/) as string });
  });
});
