import { describe, expect, test } from 'vitest';
import { inFrames } from '../../src/coordinator/dispatch-frames.ts';
import type { Run } from '../../src/domain/run-options.ts';
import { encodeFromCoordinator } from '../../src/rpc/codec.ts';
import { MAX_MESSAGE_BYTES, services } from '../../src/rpc/load-proto.ts';
import type { ClaimedTask } from '../../src/db/claim-due-tasks.ts';
import { claimed } from './support/claimed.ts';

const { Session } = services().Coordinator.service;

/** Of the message that carries a frame. */
function bytesOf(frame: readonly ClaimedTask[]): number {
  const attempts = frame.map(({ attempt, queue, run, scheduledAtUs, taskId }) => ({
    ref: { taskId, attempt },
    ...{ queue, run, scheduledAtUs, lateUs: 1, totalTimeoutLeftMs: 1 },
  }));
  return Session.responseSerialize(encodeFromCoordinator({ kind: 'dispatch', attempts })).length;
}

const long = 'x'.repeat(100_000);
const plain: Run = { command: 'true', argv: null, options: {}, secretEnv: {}, hasStdin: false };

describe('frames of attempts', () => {
  test.each<[string, Run]>([
    ['long commands', { ...plain, command: long }],
    ['long arguments', { ...plain, command: null, argv: ['echo', long] }],
    ['much environment', { ...plain, options: { env: { A: long, B: long } } }],
    ['many small variables', { ...plain, options: { env: manyVariables(2_000) } }],
    ['many arguments', { ...plain, command: null, argv: Array<string>(20_000).fill('') }],
    ['long secrets', { ...plain, secretEnv: { A: long } }],
    ['everything', { ...plain, command: long, options: { env: { A: long } }, secretEnv: { B: long } }],
  ])('stay small with %s', (_, run) => {
    const tasks = Array.from({ length: 60 }, () => claimed({ run }));
    const frames = [...inFrames(tasks)];
    expect(frames.flat()).toEqual(tasks);
    expect(frames.length).toBeGreaterThan(1);
    for (const frame of frames) expect(bytesOf(frame)).toBeLessThan(1.5 * 1024 * 1024);
  });

  test('carry one attempt each when one alone is longer', () => {
    const run = {
      ...plain,
      options: { env: Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`V${n}`, long])) },
    };
    const frames = [...inFrames([claimed({ run }), claimed({ run }), claimed()])];
    expect(frames.map((frame) => frame.length)).toEqual([1, 1, 1]);
    for (const frame of frames) expect(bytesOf(frame)).toBeLessThan(MAX_MESSAGE_BYTES);
  });

  test('carry many short ones at once', () => {
    const tasks = Array.from({ length: 1_000 }, () => claimed());
    expect([...inFrames(tasks)]).toHaveLength(1);
    expect([...inFrames([])]).toEqual([]);
  });
});

function manyVariables(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`VARIABLE_${n}`, 'x']));
}
