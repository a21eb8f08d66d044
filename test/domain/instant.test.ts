import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/domain/instant.ts';

function iso(text: string): string {
  const parsed = parseInstant(text);
  return parsed.ok ? parsed.instant.toISOString() : parsed.message;
}

const instant = fc.date({
  min: new Date('0001-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
/** Minutes east of UTC. */
const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });

function withOffset(date: Date, minutes: number): string | null {
  const local = new Date(date.getTime() + minutes * 60_000);
  if (!/^\d{4}-/.test(local.toISOString())) return null;
  const two = (n: number) => String(n).padStart(2, '0');
  const east = Math.abs(minutes);
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.floor(east / 60))}:${two(east % 60)}`;
  return local.toISOString().replace('Z', zone);
}

describe('parseInstant', () => {
  test.each([
    ['2030-01-31T09:00:00Z', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31T09:00:00', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31t09:00:00z', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31T09:00', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31T09:00:00+01:30', '2030-01-31T07:30:00.000Z'],
    ['2030-01-31T09:00:00-0330', '2030-01-31T12:30:00.000Z'],
    ['2030-01-31T09+05', '2030-01-31T04:00:00.000Z'],
    ['20300131T090000Z', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31', '2030-01-31T00:00:00.000Z'],
    ['20300131', '2030-01-31T00:00:00.000Z'],
    ['2030-W05-4', '2030-01-31T00:00:00.000Z'],
    ['2030-031', '2030-01-31T00:00:00.000Z'],
    ['2030-01-31T24:00:00Z', '2030-02-01T00:00:00.000Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['2030-01-31T09:00:00.5Z', '2030-01-31T09:00:00.500Z'],
    ['2030-01-31T09:00:00,25Z', '2030-01-31T09:00:00.250Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('reads %s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  test.each([
    ['', 'not an ISO 8601 instant'],
    ['tomorrow', 'not an ISO 8601 instant'],
    ['1700000000', 'not an ISO 8601 instant'],
    ['2030', 'not an ISO 8601 instant'],
    ['2030-01', 'not an ISO 8601 instant'],
    ['2030-W05', 'not an ISO 8601 instant'],
    ['2030-1-5', 'not an ISO 8601 instant'],
    ['2030-01-31 09:00:00', 'not an ISO 8601 instant'],
    [' 2030-01-31', 'not an ISO 8601 instant'],
    ['2030-01-31T09:00:00Z\n', 'not an ISO 8601 instant'],
    ['2030-01-31T09:00:00+24:00', 'not an ISO 8601 instant'],
    ['2030-01-31T09:00:00+01:60', 'not an ISO 8601 instant'],
    ['2030-01-31T09:00:00[Europe/Berlin]', 'not an ISO 8601 instant'],
    ['+012030-01-31T00:00:00Z', 'not an ISO 8601 instant'],
    ['2030-02-30', 'not a date that exists: its day cannot be 30'],
    ['2030-02-29T00:00:00Z', 'not a date that exists: its day cannot be 29'],
    ['2030-13-01', 'not a date that exists: its month cannot be 13'],
    ['2030-00-10', 'not a date that exists: its month cannot be 0'],
    ['2030-01-31T25:00:00Z', 'not a date that exists: its hour cannot be 25'],
    ['2030-01-31T09:60:00Z', 'not a date that exists: its minute cannot be 60'],
    ['2016-12-31T23:59:60Z', 'not a date that exists: its second cannot be 60'],
    ['2030-W54-1', 'not a date that exists: its week cannot be 54'],
    ['2030-366', 'not a date that exists: its ordinal cannot be 366'],
    ['0000-01-01T00:00:00Z', 'outside the years 1 to 9999'],
    ['0001-01-01T00:00:00+00:01', 'outside the years 1 to 9999'],
    ['9999-12-31T23:59:59.9991Z', 'outside the years 1 to 9999'],
  ])('refuses %j', (text, why) => {
    expect(iso(text)).toContain(why);
    expect(iso(text)).toContain('give an ISO 8601 instant such as');
  });

  test('reads back every instant, in whatever offset it is written', () => {
    fc.assert(
      fc.property(instant, offset, (date, minutes) => {
        const text = withOffset(date, minutes);
        if (text !== null) expect(iso(text)).toBe(date.toISOString());
      }),
    );
  });

  test('is never earlier than the text says, and less than a millisecond later', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{1,40}$/), (digits) => {
        const parsed = parseInstant(`2030-01-31T09:00:00.${digits}Z`);
        if (!parsed.ok) throw new Error(parsed.message);
        const scale = 10n ** BigInt(digits.length);
        const exact = BigInt(digits) * 1000n;
        const given = BigInt(parsed.instant.getTime() - Date.parse('2030-01-31T09:00:00Z')) * scale;
        expect(given >= exact && given - exact < scale).toBe(true);
      }),
    );
  });

  test('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[-+\d:TWZ.,]*$/)), (text) => {
        const parsed = parseInstant(text);
        if (parsed.ok) expect(parsed.instant.toISOString()).toMatch(/^\d{4}-/);
        else expect(parsed.message).not.toBe('');
      }),
      { numRuns: 2_000 },
    );
  });
});
