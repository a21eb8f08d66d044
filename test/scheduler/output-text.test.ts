import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toOutputText } from '../../src/scheduler/output-text.ts';

describe('toOutputText', () => {
  test('gives valid UTF-8 as text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const kept = Buffer.from(text);
        expect(toOutputText({ kept, totalBytes: kept.length })).toEqual({
          text,
          encoding: 'utf-8',
          bytes: kept.length,
          truncated: false,
        });
      }),
    );
  });

  test('leaves out a character that the cap cut in two, wherever it cuts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat(), (text, n) => {
        const all = Buffer.from(text);
        const kept = all.subarray(0, n % all.length);
        const output = toOutputText({ kept, totalBytes: all.length });
        expect(output).toMatchObject({ encoding: 'utf-8', bytes: all.length, truncated: true });
        expect(text.startsWith(output.text)).toBe(true);
        expect(kept.length - Buffer.byteLength(output.text)).toBeLessThan(4);
      }),
    );
  });

  test('gives anything else as base64, all of it', () => {
    const kept = Buffer.from([0x68, 0xff, 0xfe]);
    const base64 = { text: kept.toString('base64'), encoding: 'base64' };
    expect(toOutputText({ kept, totalBytes: 3 })).toEqual({ ...base64, bytes: 3, truncated: false });
    expect(toOutputText({ kept, totalBytes: 9 })).toEqual({ ...base64, bytes: 9, truncated: true });
    // Half a character is a fault when nothing was cut off.
    const half = Buffer.from('é').subarray(0, 1);
    expect(toOutputText({ kept: half, totalBytes: 1 }).encoding).toBe('base64');
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(10), (bytes, more) => {
        const kept = Buffer.from(bytes);
        const { text, encoding } = toOutputText({ kept, totalBytes: kept.length + more });
        if (encoding === 'base64') expect(Buffer.from(text, 'base64').equals(kept)).toBe(true);
      }),
    );
  });
});
