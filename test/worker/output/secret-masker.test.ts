import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecretMasker } from '../../../src/worker/output/secret-masker.ts';
import { secretPatterns } from '../../../src/worker/output/secret-patterns.ts';

function mask(secrets: readonly string[], ...chunks: readonly (string | Uint8Array)[]): string {
  const masker = new SecretMasker(secretPatterns(secrets));
  const told = chunks.map((chunk) => masker.push(Buffer.from(chunk as string)));
  return Buffer.concat([...told, masker.flush()]).toString('latin1');
}

/** Cuts a text at the given places, whatever they are. */
function cut(text: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.subarray(at[index], end));
}

/** What masking means, told byte by byte: secrets that overlap are one mask, the rest stays. */
function maskAsTold(secrets: readonly string[], text: string): string {
  let masked = '';
  let maskEnd = 0;
  for (let at = 0; at < text.length; at++) {
    const longest = Math.max(0, ...secrets.filter((s) => s !== '' && text.startsWith(s, at)).map((s) => s.length));
    if (longest > 0 && at >= maskEnd) masked += '***';
    maskEnd = Math.max(maskEnd, at + longest);
    if (at >= maskEnd) masked += text.charAt(at);
  }
  return masked;
}

// Few letters, so that secrets are found, begin, and overlap all the time.
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 80 });
const places = fc.array(fc.nat(), { maxLength: 12 });

describe('SecretMasker', () => {
  test('masks the same however the stream is cut, and all of it', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), text, places, (secrets, written, at) => {
        expect(mask(secrets, ...cut(Buffer.from(written), at))).toBe(maskAsTold(secrets, written));
      }),
      { numRuns: 2_000 },
    );
  });

  test('leaves everything else as it is, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), places, (bytes, at) => {
        const written = Buffer.from(bytes);
        expect(mask(['a secret that was not written'], ...cut(written, at))).toBe(written.toString('latin1'));
      }),
    );
  });

  test('holds back only what may begin a secret', () => {
    const masker = new SecretMasker(secretPatterns(['s3cr3t']));
    expect(masker.push(Buffer.from('the s3cr')).toString()).toBe('the ');
    expect(masker.isHolding).toBe(true);
    expect(masker.push(Buffer.from('x s3')).toString()).toBe('s3crx ');
    expect(masker.flush().toString()).toBe('s3');
    expect(masker.isHolding).toBe(false);
    // What was told cannot be part of a secret any more.
    expect(masker.push(Buffer.from('cr3t')).toString()).toBe('cr3t');
  });

  test('holds little, whatever is written', () => {
    const masker = new SecretMasker(secretPatterns(['aaaaaaaa']));
    let told = 0;
    for (let i = 0; i < 1_000; i++) told += masker.push(Buffer.alloc(1_000, 'a')).length;
    expect(told + masker.flush().length).toBe(3);
  });

  test('takes time in proportion to what is written, whatever the secret is', () => {
    // It nearly ends with itself, and so does what is written, in small chunks.
    const secret = `${'a'.repeat(50_000)}b`;
    const masker = new SecretMasker(secretPatterns([secret]));
    const begin = performance.now();
    for (let i = 0; i < 20; i++) masker.push(Buffer.from(`${'a'.repeat(49_999)}c`));
    expect(performance.now() - begin).toBeLessThan(5_000);
  });
});

describe('secretPatterns', () => {
  const texts = (...values: string[]) => secretPatterns(values).map(({ bytes }) => bytes.toString());

  test('takes whole values, and the lines of those that have several', () => {
    expect(texts('x', '', 'one line')).toEqual(['x', 'one line']);
    expect(texts('-----BEGIN-----\r\nabcdef\nabc\n\nabcdef\n')).toEqual([
      '-----BEGIN-----\r\nabcdef\nabc\n\nabcdef\n',
      '-----BEGIN-----',
      'abcdef',
    ]);
    expect(texts('äö\nz')).toEqual(['äö\nz', 'äö']); // four bytes
  });

  test('so that a key is masked in part and as a whole', () => {
    const key = '-----BEGIN KEY-----\nAAAABBBB\nCCCCDDDD\n-----END KEY-----\n';
    expect(mask([key], 'here: ', key, '!')).toBe('here: ***!');
    expect(mask([key], 'line 2 is CCCCDDDD.')).toBe('line 2 is ***.');
  });
});
