import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REASONS } from '../../src/domain/task-state.ts';
import {
  decodeFromCoordinator,
  decodeFromWorker,
  encodeFromCoordinator,
  encodeFromWorker,
} from '../../src/rpc/codec.ts';
import { services } from '../../src/rpc/load-proto.ts';
import type { FromCoordinator, FromWorker } from '../../src/rpc/messages.ts';
import { attempt, labels, ref, refs, text, uint32, uint53 } from './support/arbitraries.ts';

const { Session } = services().Coordinator.service;

/** Over the wire and back: the bytes are those that gRPC sends. */
const throughWorker = (message: FromWorker) =>
  decodeFromWorker(Session.requestDeserialize(Session.requestSerialize(encodeFromWorker(message))));
const throughCoordinator = (message: FromCoordinator) =>
  decodeFromCoordinator(Session.responseDeserialize(Session.responseSerialize(encodeFromCoordinator(message))));

/** Over the wire each piece says of which attempt it is, within a result too. */
const chunk = fc.record({
  ref,
  start: uint53,
  data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  segments: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 4 }),
  stdoutEnd: uint53,
  stderrEnd: uint53,
  replacesFrom: fc.option(uint53),
});
const usage = fc.record({ cpuMs: fc.option(uint53), peakMemoryBytes: fc.option(uint53) });

const fromWorker: fc.Arbitrary<FromWorker> = fc.oneof(
  fc.record({
    kind: fc.constant('register' as const),
    registration: fc.record({
      workerId: text,
      instanceId: fc.uuid(),
      hostname: text,
      slots: uint32,
      labels,
      queues: fc.array(text, { maxLength: 4 }),
      version: text,
      pid: uint32,
      inHand: fc.array(fc.record({ ref, startedAgeUs: uint53 }), { maxLength: 4 }),
      draining: fc.boolean(),
      ordinal: fc.nat(),
    }),
  }),
  fc.record({ kind: fc.constant('heartbeat' as const), sequence: uint53 }),
  fc.record({
    kind: fc.constant('report' as const),
    started: fc.array(fc.record({ ref, startedAgeUs: uint53 }), { maxLength: 4 }),
    finished: fc.array(
      fc.record({
        ref,
        startedAgeUs: fc.option(uint53),
        endedAgeUs: uint53,
        result: fc.record({
          reason: fc.constantFrom(...REASONS),
          exitCode: fc.option(fc.integer({ min: 0, max: 255 })),
          signal: fc.option(fc.constantFrom('SIGKILL', 'SIGTERM')),
          error: fc.option(fc.string({ unit: 'grapheme', minLength: 1 })),
        }),
        output: fc.constant([]),
        usage,
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({ kind: fc.constant('output' as const), chunks: fc.array(chunk, { maxLength: 4 }) }),
  fc.constantFrom<FromWorker>({ kind: 'draining' }, { kind: 'goodbye' }, { kind: 'unknown' }),
);

const fromCoordinator: fc.Arbitrary<FromCoordinator> = fc.oneof(
  fc.record({
    kind: fc.constant('registered' as const),
    sessionId: fc.uuid(),
    coordinatorId: fc.uuid(),
    leaseMs: uint32,
    heartbeatIntervalMs: uint32,
    superseded: refs,
    outputWindowBytes: uint53,
    resultWindow: uint32,
  }),
  fc.record({
    kind: fc.constant('heartbeat_ack' as const),
    sequence: uint53,
    renewed: fc.boolean(),
    holdsOffMs: uint32,
    resultWindow: uint32,
  }),
  fc.record({
    kind: fc.constant('dispatch' as const),
    attempts: fc.array(attempt, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('acknowledge' as const), recorded: refs, superseded: refs }),
  fc.record({ kind: fc.constant('stop' as const), refs }),
  fc.record({ kind: fc.constant('cancel' as const), refs }),
  fc.record({ kind: fc.constant('drain' as const), timeoutMs: fc.option(uint53) }),
  fc.record({
    kind: fc.constant('output_ack' as const),
    stored: fc.array(fc.record({ ref, start: uint53 }), { maxLength: 4 }),
    superseded: refs,
  }),
  fc.constantFrom<FromCoordinator>({ kind: 'rebalance' }, { kind: 'unknown' }),
);

describe('over the wire and back nothing changes', () => {
  test('what a worker says', () => {
    fc.assert(
      fc.property(fromWorker, (message) => {
        expect(throughWorker(message)).toEqual(message);
      }),
    );
  });

  test('what a coordinator says', () => {
    fc.assert(
      fc.property(fromCoordinator, (message) => {
        expect(throughCoordinator(message)).toEqual(message);
      }),
    );
  });
});

describe('what a result says of its output', () => {
  test('is of the attempt that it ends', () => {
    fc.assert(
      fc.property(ref, fc.array(chunk, { minLength: 1, maxLength: 4 }), (of, output) => {
        const result = { reason: 'exited', exitCode: 0, signal: null, error: null } as const;
        const report = { ref: of, startedAgeUs: 1, endedAgeUs: 0, result, usage: { cpuMs: null, peakMemoryBytes: 0 } };
        expect(throughWorker({ kind: 'report', started: [], finished: [{ ...report, output }] })).toEqual({
          kind: 'report',
          started: [],
          finished: [{ ...report, output: output.map((piece) => ({ ...piece, ref: of })) }],
        });
      }),
    );
  });
});

describe('what a newer or careless peer sends', () => {
  /** The bytes of a field with a number that no version has yet: tag (number 1000, varint) and value 1. */
  const NEWER_FIELD = Buffer.from([0xc0, 0x3e, 0x01]);

  test('an unknown or empty message is unknown', () => {
    for (const bytes of [NEWER_FIELD, Buffer.alloc(0)]) {
      expect(decodeFromWorker(Session.requestDeserialize(bytes))).toEqual({ kind: 'unknown' });
      expect(decodeFromCoordinator(Session.responseDeserialize(bytes))).toEqual({ kind: 'unknown' });
    }
  });

  test('parts that are not set have the value that means none', () => {
    const report = Session.requestSerialize({ report: { started: [{}], finished: [{}] } });
    expect(decodeFromWorker(Session.requestDeserialize(report))).toEqual({
      kind: 'report',
      started: [{ ref: { taskId: '', attempt: 0 }, startedAgeUs: 0 }],
      finished: [
        {
          ref: { taskId: '', attempt: 0 },
          startedAgeUs: null,
          endedAgeUs: 0,
          result: { reason: 'spawn_error', exitCode: null, signal: null, error: null },
          output: [],
          usage: { cpuMs: null, peakMemoryBytes: null },
        },
      ],
    });
    const dispatch = Session.responseSerialize({ dispatch: { attempts: [{}] } });
    expect(decodeFromCoordinator(Session.responseDeserialize(dispatch))).toEqual({
      kind: 'dispatch',
      attempts: [
        {
          ref: { taskId: '', attempt: 0 },
          queue: '',
          scheduledAtUs: 0,
          lateUs: 0,
          run: { command: '', argv: null, options: {}, secretEnv: {}, hasStdin: false },
          totalTimeoutLeftMs: null,
        },
      ],
    });
    expect(decodeFromCoordinator(Session.responseDeserialize(Session.responseSerialize({ drain: {} })))).toEqual({
      kind: 'drain',
      timeoutMs: null,
    });
  });

  test('a signal that this version does not know is left to its default', () => {
    const options = { stop_signal: 'SIGNEWER', warn_signal: 'SIGUSR1' };
    const bytes = Session.responseSerialize({ dispatch: { attempts: [{ command: 'true', options }] } });
    expect(decodeFromCoordinator(Session.responseDeserialize(bytes))).toMatchObject({
      attempts: [{ run: { options: { warn_signal: 'SIGUSR1' } } }],
    });
  });

  test('a reason that no version has yet is not taken for success', () => {
    // report.finished[0].reason = 99
    const bytes = Buffer.from([0x1a, 0x04, 0x12, 0x02, 0x20, 0x63]);
    expect(decodeFromWorker(Session.requestDeserialize(bytes))).toMatchObject({
      finished: [{ result: { reason: 'spawn_error' } }],
    });
  });
});
