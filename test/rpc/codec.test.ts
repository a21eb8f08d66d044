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

const { Session } = services().Coordinator.service;

/** Over the wire and back: the bytes are those that gRPC sends. */
const throughWorker = (message: FromWorker) =>
  decodeFromWorker(Session.requestDeserialize(Session.requestSerialize(encodeFromWorker(message))));
const throughCoordinator = (message: FromCoordinator) =>
  decodeFromCoordinator(Session.responseDeserialize(Session.responseSerialize(encodeFromCoordinator(message))));

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** Of the wire's 64 bits, what a number of JavaScript holds exactly. */
const uint53 = fc.maxSafeNat();
const int53 = fc.maxSafeInteger();
const text = fc.string({ unit: 'grapheme' });
const ref = fc.record({ taskId: fc.oneof(fc.uuid(), text), attempt: uint32 });
const refs = fc.array(ref, { maxLength: 5 });
const output = fc.record({
  head: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  totalBytes: uint53,
});
const labels = fc
  .dictionary(text, text, { maxKeys: 4, noNullPrototype: true })
  .filter((all) => !Object.hasOwn(all, '__proto__'));

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
        stdout: output,
        stderr: output,
      }),
      { maxLength: 4 },
    ),
  }),
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
  }),
  fc.record({ kind: fc.constant('heartbeat_ack' as const), sequence: uint53, renewed: fc.boolean() }),
  fc.record({
    kind: fc.constant('dispatch' as const),
    attempts: fc.array(fc.record({ ref, command: text, queue: text, scheduledAtUs: int53 }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('acknowledge' as const), recorded: refs, superseded: refs }),
  fc.record({ kind: fc.constant('stop' as const), refs }),
  fc.constantFrom<FromCoordinator>({ kind: 'drain' }, { kind: 'unknown' }),
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
    const output = { head: Buffer.alloc(0), totalBytes: 0 };
    expect(decodeFromWorker(Session.requestDeserialize(report))).toEqual({
      kind: 'report',
      started: [{ ref: { taskId: '', attempt: 0 }, startedAgeUs: 0 }],
      finished: [
        {
          ref: { taskId: '', attempt: 0 },
          startedAgeUs: null,
          endedAgeUs: 0,
          result: { reason: 'spawn_error', exitCode: null, signal: null, error: null },
          stdout: output,
          stderr: output,
        },
      ],
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
