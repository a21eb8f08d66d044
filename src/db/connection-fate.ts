import { HydraError } from '../domain/errors.ts';
import { DeadConnectionError, sqlStateOf } from './unavailable.ts';

/*
 * After these the connection is as good as before. It is kept then: a new one may not be had while PostgreSQL has too
 * many. After any other fault it is thrown away: the server may be leaving or read-only, or have plans that are stale.
 */
const HARMLESS = /^(2[123]|40(?!003)|5[34]|55P03|57014)/;
/** It may have been done all the same: PostgreSQL did not get as far as saying. */
const UNKNOWN_OUTCOME = /^(08|40003|57P)/;
/** Nothing was done, and the same statement is meant to be sent again at once. */
const TO_BE_REPEATED = /^(40001|40P01)$/;

/** Errors of connecting: whatever was to be sent was not. */
const unsent = new WeakSet();

/** Says that an error is one of connecting. */
export function noteUnsent(error: unknown): void {
  if (error instanceof Error) unsent.add(error);
}

/** Whether a single statement that failed may have been committed. */
export function mayBeCommitted(error: unknown): boolean {
  if (!(error instanceof Error) || unsent.has(error)) return false;
  const code = sqlStateOf(error);
  return code === null || UNKNOWN_OUTCOME.test(code);
}

/** Whether a connection is of no more use after a statement on it, or what was done between two, has failed so. */
export function spoilsConnection(error: unknown): boolean {
  return !(error instanceof HydraError) && !HARMLESS.test(sqlStateOf(error) ?? '');
}

/**
 * Whether connections to the same server that are idle are probably of no use, either: it does not answer, or it is
 * read-only, as one is that another has taken over from.
 */
export function spoilsOthers(error: unknown): boolean {
  const silent = error instanceof Error && error.message === 'Query read timeout';
  return silent || error instanceof DeadConnectionError || sqlStateOf(error) === '25006';
}

/** Whether the server let nobody in for want of a free connection. */
export function isTooManyConnections(error: unknown): boolean {
  return sqlStateOf(error) === '53300';
}

/** Whether PostgreSQL rolled it back because of another transaction: a deadlock, or a serialization failure. */
export function isToBeRepeated(error: unknown): boolean {
  return TO_BE_REPEATED.test(sqlStateOf(error) ?? '');
}
