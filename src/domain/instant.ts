import { DateTime } from 'luxon';

/** Instants as Hydra accepts them: year 1 to 9999, which PostgreSQL, JavaScript and ISO 8601 all can say. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * A day (calendar, week or ordinal date, extended or basic), with or without a time and an offset. Months, weeks and
 * years alone are no instants, and named zones have hours that do not exist or come twice.
 */
const DAY = String.raw`\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d-\d|\d{4}W\d{3}|\d{4}-\d{3}`;
const TIME = String.raw`T\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?`;
const OFFSET = String.raw`Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?`;
const SHAPE = new RegExp(`^(?:${DAY})(?:${TIME}(?:${OFFSET})?)?$`, 'i');

/** A fraction of a second: the milliseconds, and what is beyond them. */
const FRACTION = /([.,]\d{3})(\d+)/;

export type ParsedInstant =
  { readonly ok: true; readonly instant: Date } | { readonly ok: false; readonly message: string };

const HINT = 'give an ISO 8601 instant such as 2030-01-31T09:00:00Z or 2030-01-31T10:00:00+01:00';

/**
 * Reads an ISO 8601 instant; without an offset it is UTC, a date alone is its midnight.
 * Fractions beyond milliseconds are rounded up, since nothing may start early.
 */
export function parseInstant(text: string): ParsedInstant {
  if (!SHAPE.test(text)) return { ok: false, message: `is not an ISO 8601 instant; ${HINT}` };
  const parsed = DateTime.fromISO(text.replace(FRACTION, '$1'), { zone: 'utc' });
  if (!parsed.isValid) {
    const [, value, unit] = /^you specified (\d+) .* as an? (\w+),/.exec(parsed.invalidExplanation ?? '') ?? [];
    const why = unit === undefined ? '' : `: its ${unit} cannot be ${value}`;
    return { ok: false, message: `is not a date that exists${why}; ${HINT}` };
  }
  const beyond = FRACTION.exec(text)?.[2] ?? '';
  const ms = parsed.toMillis() + (/[1-9]/.test(beyond) ? 1 : 0);
  if (ms < EARLIEST_MS || ms > LATEST_MS) return { ok: false, message: `is outside the years 1 to 9999; ${HINT}` };
  return { ok: true, instant: new Date(ms) };
}
