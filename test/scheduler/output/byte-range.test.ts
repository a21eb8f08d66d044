import { expect, test } from 'vitest';
import { parseRange } from '../../../src/scheduler/output/byte-range.ts';

test.each([
  ['bytes=0-9', 0, 10],
  ['bytes=3-', 3, 100],
  ['Bytes=90-1000', 90, 100],
  ['bytes=-1', 99, 100],
  ['bytes=-1000', 0, 100],
  ['bytes=99-99', 99, 100],
])('%s of 100 bytes', (header, first, last) => {
  expect(parseRange(header, 100)).toEqual({ first, last });
});

test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s is beyond 100 bytes', (header) => {
  expect(parseRange(header, 100)).toBe('unsatisfiable');
});

test('of nothing there is no range', () => {
  expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(parseRange('bytes=-5', 0)).toBe('unsatisfiable');
});

test.each([undefined, '', 'bytes', 'bytes=-', 'bytes=5-4', 'bytes=0-1,3-4', 'lines=0-9', 'bytes=a-b', 'bytes=1-2x'])(
  '%s asks for nothing that is understood',
  (header) => {
    expect(parseRange(header, 100)).toBeNull();
  },
);
