import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMark, parseMark } from '../../../src/worker/guardian/process-mark.ts';

const number = fc.nat({ max: 2 ** 40 });
const marks = fc.record({
  namespace: fc.oneof(fc.constant(''), number.map(String)),
  worker: fc.record({ pid: number, start: number }),
  instance: fc.stringMatching(/^[0-9a-f]{12}$/),
  key: fc.string({ minLength: 1 }),
  allowsBackground: fc.boolean(),
});

test('a mark is read as it was written, whatever the key is', () => {
  fc.assert(
    fc.property(marks, (mark) => {
      expect(parseMark(formatMark(mark))).toEqual(mark);
    }),
  );
});

test('other text is no mark', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseMark(text)).toBeNull();
    }),
  );
});
