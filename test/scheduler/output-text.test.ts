import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toOutputText } from '../../src/scheduler/output-text.ts';

const ALL = { gapAt: null, moreBefore: false, moreBehind: false };

describe('toOutputText', () => {
  test('gives valid UTF-8 as text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(toOutputText({ ...ALL, bytes: Buffer.from(text) })).toEqual({ text, encoding: 'utf-8', gapAt: null });
      }),
    );
  });

  test('leaves out characters that are cut in two, wherever the cuts are', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { minLength: 4, maxLength: 4 }), (text, places) => {
        const all = Buffer.from(text);
        const [a = 0, b = 0, c = 0, d = 0] = places.map((n) => n % (all.length + 1)).sort((x, y) => x - y);
        const bytes = Buffer.concat([all.subarray(a, b), all.subarray(c, d)]);
        const told = toOutputText({ bytes, gapAt: b - a, moreBefore: true, moreBehind: true });
        expect(told.encoding).toBe('utf-8');
        const kept = Buffer.from(told.text);
        const before = kept.subarray(0, told.gapAt ?? 0).toString();
        const behind = kept.subarray(told.gapAt ?? 0).toString();
        expect(text).toContain(before);
        expect(text).toContain(behind);
        expect(bytes.length - kept.length).toBeLessThan(4 * 4);
      }),
    );
  });

  test('gives anything else as base64, all of it', () => {
    const bytes = Buffer.from([0x68, 0xff, 0xfe]);
    const base64 = { text: bytes.toString('base64'), encoding: 'base64' };
    expect(toOutputText({ ...ALL, bytes })).toEqual({ ...base64, gapAt: null });
    expect(toOutputText({ bytes, gapAt: 2, moreBefore: true, moreBehind: true })).toEqual({ ...base64, gapAt: 2 });
    // Half a character is a fault when nothing was cut off.
    const half = Buffer.from('é').subarray(0, 1);
    expect(toOutputText({ ...ALL, bytes: half }).encoding).toBe('base64');
    expect(toOutputText({ ...ALL, bytes: half, moreBehind: true })).toMatchObject({ text: '', encoding: 'utf-8' });
  });

  test('says where something is missing, at the very beginning and end, too', () => {
    const bytes = Buffer.from('abcdef');
    expect(toOutputText({ ...ALL, bytes, gapAt: 0 })).toMatchObject({ text: 'abcdef', gapAt: 0 });
    expect(toOutputText({ ...ALL, bytes, gapAt: 4 })).toMatchObject({ text: 'abcdef', gapAt: 4 });
    expect(toOutputText({ ...ALL, bytes, gapAt: 6 })).toMatchObject({ text: 'abcdef', gapAt: 6 });
    const cut = Buffer.concat([Buffer.from('ab'), Buffer.from('é').subarray(0, 1), Buffer.from('ü').subarray(1)]);
    expect(toOutputText({ ...ALL, bytes: cut, gapAt: 3 })).toEqual({ text: 'ab', encoding: 'utf-8', gapAt: 2 });
  });

  test('never throws, and loses no byte of what is not text', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), fc.boolean(), fc.nat(), (array, moreBefore, moreBehind, n) => {
        const bytes = Buffer.from(array);
        const { text, encoding } = toOutputText({ bytes, gapAt: n % (bytes.length + 1), moreBefore, moreBehind });
        if (encoding === 'base64') expect(Buffer.from(text, 'base64').equals(bytes)).toBe(true);
      }),
    );
  });
});
