import { DateTime } from 'luxon';

/** Instants as Hydra accepts them: year 1 to 9999, which PostgreSQL, JavaScript and ISO 8601 all can say. */
const EARLIEST = Date.UTC(2000, 0, 1) - 1999 * 366 * 86_400_000;
const LATEST = Date.UTC(10_000, 0, 1);

/** A fraction of a second beyond milliseconds, which would be cut off. */
const SUBMILLISECOND = /[.,]\d{3}(\d*[1-9])/;

export type ParsedInstant =
  { readonly ok: true; readonly instant: Date } | { readonly ok: false; readonly message: string };

const HINT = 'give an ISO 8601 instant such as 2030-01-31T09:00:00Z or 2030-01-31T10:00:00+01:00';

/**
 * Reads an ISO 8601 instant; without an offset it is UTC, a date alone is its midnight.
 * Fractions beyond milliseconds are rounded up, since nothing may start early.
 */
export function parseInstant(text: string): ParsedInstant {
  if (!/^[+-]?\d{4,}/.test(text)) return { ok: false, message: `is not a date; ${HINT}` };
  if (/^\d+$/.test(text) && text.length !== 8) {
    return { ok: false, message: `is a bare number; ${HINT}` };
  }
  const parsed = DateTime.fromISO(text, { zone: 'utc' });
  if (!parsed.isValid) {
    const why = parsed.invalidExplanation ?? 'cannot be read';
    return { ok: false, message: `is not a date that exists (${why}); ${HINT}` };
  }
  const ms = parsed.toMillis() + (SUBMILLISECOND.test(text) ? 1 : 0);
  if (ms < EARLIEST || ms >= LATEST) return { ok: false, message: `is outside the years 1 to 9999; ${HINT}` };
  return { ok: true, instant: new Date(ms) };
}
