import { HydraError } from '../domain/errors.ts';

/**
 * SQLSTATE classes and codes that say "not now", after which the same statement may succeed.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const TRANSIENT_SQLSTATE = /^(08...|25006|25P03|40001|40P01|53...|55P03|57014|57P01|57P02|57P03|57P05|58...)$/;

/** System errors of a socket that say the same. */
const TRANSIENT_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** What `pg` says, without a code, when it loses or does not get a connection. */
const TRANSIENT_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|not queryable|Query read timeout|connection timeout/i;

/** Whether a fault of `pg` is one of availability, so that waiting and trying again may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTransient);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return TRANSIENT_SQLSTATE.test(code) || TRANSIENT_SYSTEM.has(code) || TRANSIENT_TEXT.test(error.message);
}

/** Runs `operation`; a fault of availability becomes `HydraError('unavailable')`, others pass as they are. */
export async function orUnavailable<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (isTransient(error))
      throw new HydraError('unavailable', 'PostgreSQL is unavailable; try again', [], { cause: error });
    throw error;
  }
}
