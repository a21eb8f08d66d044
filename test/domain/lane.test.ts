import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canRun, formatLane, NAME_PATTERN, parseLane } from '../../src/domain/lane.ts';

const name = fc.stringMatching(new RegExp(NAME_PATTERN));
const labels = fc.dictionary(name, name, { maxKeys: 16, noNullPrototype: true });
const lane = fc.record({ queue: name, labels });

describe('a lane', () => {
  test('is one text, whatever the order of its labels', () => {
    expect(formatLane({ queue: 'gpu', labels: { type: 'a100', region: 'eu' } })).toBe('gpu,region=eu,type=a100');
    fc.assert(
      fc.property(lane, ({ queue, labels }) => {
        const reversed = Object.fromEntries(Object.entries(labels).reverse());
        expect(formatLane({ queue, labels: reversed })).toBe(formatLane({ queue, labels }));
      }),
    );
  });

  test('is read back from its text', () => {
    fc.assert(
      fc.property(lane, (value) => {
        expect(parseLane(formatLane(value))).toEqual(value);
      }),
    );
  });

  test('has a text of its own', () => {
    fc.assert(
      fc.property(lane, lane, (a, b) => {
        const same = a.queue === b.queue && JSON.stringify(sorted(a.labels)) === JSON.stringify(sorted(b.labels));
        expect(formatLane(a) === formatLane(b)).toBe(same);
      }),
    );
  });
});

describe('canRun', () => {
  test('asks for the queue', () => {
    const lane = { queue: 'gpu', labels: {} };
    expect(canRun({ queues: ['default'], labels: {} }, lane)).toBe(false);
    expect(canRun({ queues: ['default', 'gpu'], labels: {} }, lane)).toBe(true);
    expect(canRun({ queues: ['*'], labels: {} }, lane)).toBe(true);
  });

  test('asks for every label with the same value, and for no more', () => {
    fc.assert(
      fc.property(lane, labels, (value, more) => {
        expect(canRun({ queues: [value.queue], labels: { ...more, ...value.labels } }, value)).toBe(true);
      }),
    );
    expect(canRun({ queues: ['*'], labels: { region: 'us' } }, { queue: 'q', labels: { region: 'eu' } })).toBe(false);
    expect(canRun({ queues: ['*'], labels: {} }, { queue: 'q', labels: { constructor: 'x' } })).toBe(false);
  });
});

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
