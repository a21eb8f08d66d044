/** What is to be done about a fault of PostgreSQL. */
export type FaultKind =
  /** Not now: the same statement may succeed later. Keep what it carries and try again. */
  | 'transient'
  /** These values can never be stored, whenever they are sent. Trying again is of no use. */
  | 'refused'
  /** Nothing helps but somebody who mends it. Keep what it carries, say so loudly, and try again slowly. */
  | 'operator';

export interface Fault {
  readonly kind: FaultKind;
  /** What is wrong, in a few words for people. */
  readonly says: string;
  /** What to do about it, where that is known. */
  readonly advice?: string;
}

const transient = (says: string): Fault => ({ kind: 'transient', says });
const refused = (says: string): Fault => ({ kind: 'refused', says });
const operator = (says: string): Fault => ({ kind: 'operator', says });
const unmigrated = (says: string): Fault => ({ kind: 'operator', says, advice: 'run: hydra migrate' });

const CODES: Readonly<Record<string, Fault>> = {
  '25006': transient('read-only: a failover is under way'),
  '28P01': operator('the password is wrong'),
  '40001': transient('another transaction was in the way'),
  '40P01': transient('a deadlock'),
  '42501': operator('a permission is missing'),
  '42703': unmigrated('a column is missing'),
  '42704': unmigrated('a part of the schema is missing'),
  '42883': unmigrated('a function is missing'),
  '42P01': unmigrated('a table is missing'),
  '53100': transient('its disk is full'),
  '53200': transient('it is out of memory'),
  '53300': transient('too many connections'),
  '55006': transient('something is in use'),
  '55P03': transient('a lock could not be had'),
  '57014': transient('the statement took too long'),
  '57P01': transient('the server has ended the connection'),
  '57P02': transient('the server has crashed and recovers'),
  '57P03': transient('the server is starting up or shutting down'),
  '57P04': operator('the database was dropped'),
};

/** For what {@link CODES} does not name; by the first two characters. */
const CLASSES: Readonly<Record<string, Fault>> = {
  '08': transient('the connection broke'),
  '21': refused('a value comes more than once'),
  '22': refused('a value cannot be stored'),
  '23': refused('a value breaks a constraint'),
  '25': transient('the transaction was ended'),
  '28': operator('the user is not let in'),
  '3D': operator('the database does not exist'),
  '3F': unmigrated('the schema does not exist'),
  '40': transient('the transaction was rolled back'),
  '42': operator('a statement does not fit the schema'),
  '53': transient('it is short of something'),
  '54': refused('a value is too large'),
  '57': transient('somebody intervened'),
  '58': transient('its system has failed'),
  XX: operator('an internal error'),
};

/** PostgreSQL hands out no more numbers until it was vacuumed; it files that under values that are too large. */
const WRAPAROUND = /^(GetNewTransactionId|GetNewMultiXactId)$/;
/** A migration has changed what a prepared statement returns; on another connection it is prepared anew. */
const STALE_PLAN = 'RevalidateCachedQuery';

/**
 * Which SQLSTATE is what. `routine` is where in PostgreSQL's source it was raised. The codes are from
 * https://www.postgresql.org/docs/current/errcodes-appendix.html; what raises them is from PostgreSQL's source.
 *
 * | Class | What it is | Kind | Why |
 * |---|---|---|---|
 * | 08 | connection exception; also what PgBouncer says of itself | transient | the link, not the statement |
 * | 0A000 of a cached plan | a migration changed a result | transient | a new connection plans anew |
 * | 21, 22, 23 | cardinality, data exception, constraint | refused | the same values fail again |
 * | 25 | invalid transaction state; 25006 read-only, 25P03 and 25P04 timeouts | transient | another connection, or the new primary, takes it |
 * | 28, 3D, 3F | password or pg_hba.conf, no such database or schema | operator | configuration |
 * | 40 | rolled back: serialization, deadlock | transient | nothing was done; made to be tried again |
 * | 42 | syntax or access rule: missing table, column, permission | operator | schema or grants; never the values |
 * | 53 | insufficient resources: disk, memory, connections | transient | ends, with or without help |
 * | 54 | program limit exceeded | refused | a row that is too large |
 * | 54 of a wraparound | no transaction numbers are left | operator | has to be vacuumed |
 * | 55006, 55P03 | object in use, lock not available | transient | others are at it |
 * | 57 | operator intervention: shutdown, crash, cancel, timeout | transient | restarts end |
 * | 57P04 | database dropped | operator | |
 * | 58 | system error: I/O | transient | storage comes back |
 * | XX | internal error, corrupted data or index | operator | retried, but never normal |
 * | others | | operator | kept until somebody has looked |
 */
export function classifySqlState(code: string, routine?: string): Fault {
  if (code.startsWith('54') && WRAPAROUND.test(routine ?? '')) return operator('it has to be vacuumed');
  if (code.startsWith('0A') && routine === STALE_PLAN) return transient('the schema has just changed');
  return CODES[code] ?? CLASSES[code.slice(0, 2)] ?? operator('an unexpected error');
}
