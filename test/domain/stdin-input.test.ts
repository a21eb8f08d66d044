import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_STDIN_BYTES } from '../../src/domain/stdin-input.ts';
import { faultsOfFields, taskOf } from './support/faults.ts';

describe('stdin', () => {
  test('is text in UTF-8, NUL and all', () => {
    expect(taskOf({ stdin: 'é\0\n' }).stdin).toEqual(Buffer.from([0xc3, 0xa9, 0, 0x0a]));
    expect(faultsOfFields({ stdin: '\ud800' })).toEqual({
      stdin: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8',
    });
    expect(faultsOfFields({ stdin: 5 })).toEqual({
      stdin: 'is a number; give a string such as "first line\\nsecond line\\n"',
    });
  });

  test('is nothing when it is empty', () => {
    expect(taskOf({ stdin: '' }).stdin).toBeNull();
    expect(taskOf({ stdin_base64: '' }).stdin).toBeNull();
    expect(taskOf({}).stdin).toBeNull();
  });

  test('is bytes of any kind as base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const given = Buffer.from(bytes);
        expect(taskOf({ stdin_base64: given.toString('base64') }).stdin).toEqual(given);
      }),
    );
  });

  test.each([
    'A',
    'AA',
    'AAA',
    'AA=',
    'AB==',
    'AAAA=',
    'A===',
    '====',
    '=',
    'AA==AA==',
    'AAAA\n',
    ' AAAA',
    'AA-_',
    'é',
    '😀😀',
  ])('is no base64 when it is %j', (encoded) => {
    expect(faultsOfFields({ stdin_base64: encoded })).toEqual({
      stdin_base64: 'is not base64; give A-Z a-z 0-9 + / in groups of four, the last one filled up with =',
    });
  });

  test('is given in one way', () => {
    expect(faultsOfFields({ stdin: 'x', stdin_base64: 'AAAA' })).toEqual({
      stdin_base64: 'comes with stdin; give only one of the two',
    });
  });

  test('is bounded, in bytes', () => {
    const most = Buffer.alloc(MAX_STDIN_BYTES, 0xff);
    expect(taskOf({ stdin_base64: most.toString('base64') }).stdin?.equals(most)).toBe(true);
    const message = `is ${MAX_STDIN_BYTES + 1} bytes long; at most ${MAX_STDIN_BYTES} are allowed, so let the command fetch more`;
    const more = Buffer.alloc(MAX_STDIN_BYTES + 1, 0x61);
    expect(faultsOfFields({ stdin_base64: more.toString('base64') })).toEqual({ stdin_base64: message });
    expect(faultsOfFields({ stdin: more.toString() })).toEqual({ stdin: message });
    expect(faultsOfFields({ stdin: 'é'.repeat(MAX_STDIN_BYTES / 2) })).toEqual({});
  });
});
