import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Outflow } from '../../src/coordinator/outflow.ts';

const MIB = 1024 * 1024;
const ref = (attempt: number) => ({ taskId: 'a', attempt });

/** A stream that takes messages when the test says so. */
function outflow() {
  const taken: (() => void)[] = [];
  const noted: string[] = [];
  const emitter = new EventEmitter();
  let full = false;
  const stream = {
    on: (event: 'drain', listener: () => void) => emitter.on(event, listener),
    write: (_message: unknown, done: () => void) => {
      taken.push(done);
      return !full;
    },
  };
  const flow = new Outflow(stream, {
    onCongested: () => noted.push('congested'),
    onRelief: () => noted.push('relief'),
  });
  return { flow, noted, take: () => taken.shift()?.(), drain: () => emitter.emit('drain'), fill: () => (full = true) };
}

describe('Outflow', () => {
  test('counts what is named by messages that are not taken', () => {
    const { flow, take } = outflow();
    flow.write({ kind: 'stop', refs: [ref(1), ref(2)] }, 0);
    flow.write({ kind: 'acknowledge', recorded: [ref(3)], superseded: [ref(4)] }, 0);
    flow.write({ kind: 'output_ack', stored: [{ ref: ref(5), start: 0 }], superseded: [] }, 0);
    flow.write({ kind: 'drain', timeoutMs: null }, 0);
    expect(flow.entries).toBe(3 + 3 + 2 + 1);
    take();
    expect(flow.entries).toBe(6);
    for (let i = 0; i < 3; i++) take();
    expect(flow.entries).toBe(0);
  });

  test('is congested from the announcement on until enough is taken', () => {
    const { flow, noted, take } = outflow();
    flow.announce(MIB);
    expect(flow.congested).toBe(false);
    flow.announce(MIB);
    expect(flow.congested).toBe(true);
    flow.write({ kind: 'dispatch', attempts: [] }, MIB);
    flow.write({ kind: 'dispatch', attempts: [] }, MIB);
    expect(noted).toEqual(['congested']);
    take();
    expect(flow.congested).toBe(false);
    take();
    expect(noted).toEqual(['congested', 'relief']);
  });

  test('is congested while the stream is full, however little that is', () => {
    const { drain, fill, flow, noted } = outflow();
    fill();
    flow.write({ kind: 'rebalance' }, 0);
    flow.write({ kind: 'rebalance' }, 0);
    expect(noted).toEqual(['congested']);
    drain();
    expect([flow.congested, noted]).toEqual([false, ['congested', 'relief']]);
  });
});
