import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputHead } from '../../src/worker/output-head.ts';

test('keeps exactly the first bytes and counts all, however they arrive', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  fc.assert(
    fc.property(chunks, fc.nat({ max: 300 }), (parts, capBytes) => {
      const head = new OutputHead(capBytes);
      for (const part of parts) head.push(Buffer.from(part));
      const whole = Buffer.concat(parts);
      const output = head.toOutput();
      expect(output.head.equals(whole.subarray(0, capBytes))).toBe(true);
      expect(output.totalBytes).toBe(whole.length);
    }),
  );
});
