import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/scheduler/cursor.ts';

const position = fc.record({
  scheduledAt: fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString().replace('Z', '007Z')),
  id: fc.uuid(),
});

describe('a cursor', () => {
  test('is read back', () => {
    fc.assert(
      fc.property(position, (place) => {
        const cursor = encodeCursor(place);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor(cursor)).toEqual(place);
      }),
    );
  });

  test('cannot be made up', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => decodeCursor(text) === null));
  });

  test('with a right checksum must still be a place in the list', () => {
    const forge = (place: string) => Buffer.from(`${crc32(place).toString(16)} ${place}`).toString('base64url');
    const id = '01956c3e-7b1a-7c3d-9e4f-0123456789ab';
    expect(decodeCursor(forge(`2030-01-31T09:00:00.000000Z ${id}`))).not.toBeNull();
    for (const place of [`2030-02-31T09:00:00.000000Z ${id}`, `2030-01-31 ${id}`, '2030-01-31T09:00:00.000000Z x']) {
      expect(decodeCursor(forge(place))).toBeNull();
    }
    expect(decodeCursor(`${forge(`2030-01-31T09:00:00.000000Z ${id}`)}=`)).toBeNull();
  });
});
