import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAttempt, encodeAttempt } from '../../src/rpc/attempt-codec.ts';
import { MAX_MESSAGE_BYTES, services } from '../../src/rpc/load-proto.ts';
import type { Attempt } from '../../src/rpc/messages.ts';
import { attempt } from './support/arbitraries.ts';

const { Session } = services().Coordinator.service;

const bytesOf = (message: Attempt) => Session.responseSerialize({ dispatch: { attempts: [encodeAttempt(message)] } });

function overTheWire(message: Attempt): Attempt {
  const wire = Session.responseDeserialize(bytesOf(message)).dispatch!.attempts[0]!;
  return decodeAttempt(wire);
}

const PLAIN: Attempt = {
  ref: { taskId: 'a', attempt: 1 },
  queue: 'default',
  scheduledAtUs: 0,
  lateUs: 0,
  run: { command: 'true', argv: null, options: {}, secretEnv: {}, hasStdin: false },
  totalTimeoutLeftMs: null,
};

describe('an attempt', () => {
  test('comes over the wire as it was sent, whatever is asked of it', () => {
    fc.assert(
      fc.property(attempt, (sent) => {
        expect(overTheWire(sent)).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  test('that asks for what is the default comes as one that asks for nothing', () => {
    const options = { merge_stderr: false, background: 'kill', on_output_limit: 'truncate' } as const;
    expect(overTheWire({ ...PLAIN, run: { ...PLAIN.run, options } })).toEqual(PLAIN);
  });

  test('keeps apart what 0 means and what its absence does', () => {
    const options = { grace_ms: 0, output_limit_bytes: 0, nice: 0, umask: '000', limits: { open_files: 0 } };
    const sent = { ...PLAIN, run: { ...PLAIN.run, options }, totalTimeoutLeftMs: 0 };
    expect(overTheWire(sent)).toEqual(sent);
  });

  test('of the greatest size fits into a message', () => {
    const long = 'x'.repeat(100_000);
    const env = { A: long, B: long, C: long };
    const run = { ...PLAIN.run, command: long, options: { env }, secretEnv: { D: long, E: long } };
    expect(bytesOf({ ...PLAIN, run }).length).toBeLessThan(MAX_MESSAGE_BYTES / 10);
  });
});
