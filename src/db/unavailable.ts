import { HydraError } from '../domain/errors.ts';
import { classifySqlState, type Fault, type FaultKind } from './sqlstate.ts';

/** What distinguishes SQLSTATE from codes of the system, such as EPIPE. */
const SQLSTATE = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/;

const NO_ANSWER = 'does not answer';

/** What a socket, or the look-up of a name, says of a server that is not there now. */
const SYSTEM: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'no local port is left',
  EAI_AGAIN: 'its name cannot be looked up',
  ECONNABORTED: 'the connection broke',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection broke',
  EHOSTDOWN: 'its host is down',
  EHOSTUNREACH: 'its host cannot be reached',
  EMFILE: 'this process has too many open files',
  ENETDOWN: 'the network is down',
  ENETUNREACH: 'its network cannot be reached',
  ENFILE: 'this machine has too many open files',
  ENOBUFS: 'this machine is out of memory for sockets',
  ENOENT: 'its socket does not exist',
  ENOTFOUND: 'its name is not known',
  EPIPE: 'the connection broke',
  ERR_STREAM_DESTROYED: 'the connection broke',
  ERR_STREAM_WRITE_AFTER_END: 'the connection broke',
  ETIMEDOUT: NO_ANSWER,
};

/** What `pg` says without a code; the first that matches. */
const TEXTS: readonly (readonly [RegExp, FaultKind, string])[] = [
  [/timeout exceeded when trying to connect/, 'transient', 'no connection became free'],
  [/Query read timeout|timeout expired|connection timeout/, 'transient', NO_ANSWER],
  [/Connection terminated|not queryable|unexpected \w+ message from backend/, 'transient', 'the connection broke'],
  [/error establishing an SSL connection/, 'transient', 'it does not get as far as TLS'],
  [/calling end on the pool/, 'transient', 'this process is stopping'],
  [/does not support SSL connections/, 'operator', 'it has no TLS'],
  [/^SASL: /, 'operator', 'the password is missing, or it is no PostgreSQL'],
];

/** Codes of TLS: https://docs.openssl.org/master/man1/openssl-verification-options/ and of Node.js itself. */
const TLS = /^(?:CERT_|DEPTH_ZERO_|EPROTO$|ERR_(?:OSSL|SSL|TLS)_|HOSTNAME_MISMATCH$|SELF_SIGNED_|UNABLE_TO_)/;
/** System calls of a connection. */
const CALLS: readonly unknown[] = ['connect', 'getaddrinfo', 'read', 'write'];

/** A connection that was given up, since PostgreSQL does not work on what was sent down it. */
export class DeadConnectionError extends Error {
  override readonly name = 'DeadConnectionError';

  constructor() {
    super('the connection is dead: PostgreSQL knows nothing of what was sent');
  }
}

/** What PostgreSQL itself said, `null`: nothing. */
export function sqlStateOf(error: unknown): string | null {
  const code = codeOf(error);
  return SQLSTATE.test(code) ? code : null;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** `null`: not a fault of PostgreSQL, or of the way to it, but of Hydra's. */
function knownFault(error: unknown): Fault | null {
  // A host with several addresses fails with several errors; they mostly say the same.
  if (error instanceof AggregateError) return knownFault(error.errors[0]);
  if (error instanceof HydraError) return error.cause === undefined ? null : knownFault(error.cause);
  if (error instanceof DeadConnectionError) return { kind: 'transient', says: NO_ANSWER };
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  if (SQLSTATE.test(code)) {
    const fault = classifySqlState(code, 'routine' in error ? String(error.routine) : undefined);
    return { ...fault, says: `${fault.says} (${code})` };
  }
  const system = SYSTEM[code];
  if (system !== undefined) return { kind: 'transient', says: system };
  for (const [pattern, kind, says] of TEXTS) if (pattern.test(error.message)) return { kind, says };
  const fails = TLS.test(code) || ('syscall' in error && CALLS.includes(error.syscall));
  return fails ? { kind: 'operator', says: `${code}: ${error.message}` } : null;
}

/** Whether waiting may help by itself: PostgreSQL is away, busy, full, read-only, or something was in the way. */
export function isTransient(error: unknown): boolean {
  return knownFault(error)?.kind === 'transient';
}

/** Whether somebody has to mend something before it can succeed, such as a password or a missing table. */
export function needsOperator(error: unknown): boolean {
  return knownFault(error)?.kind === 'operator';
}

/** Whether these very values can never be stored. Nothing was. */
export function isRefused(error: unknown): boolean {
  return knownFault(error)?.kind === 'refused';
}

/**
 * Whether the fault says nothing about the values that were sent: whoever holds them keeps them and tries again. What
 * is not unavailable is either values that PostgreSQL refuses for ever, or a defect.
 */
export function isUnavailable(error: unknown): boolean {
  const said = error instanceof HydraError && error.code === 'unavailable';
  return said || isTransient(error) || needsOperator(error);
}

/**
 * What is wrong with PostgreSQL, for health checks, logs and answers: a few words and the SQLSTATE, such as "connection
 * refused" or "too many connections (53300)", and what to do where that is known. It quotes no statement, row or name.
 */
export function databaseFault(error: unknown): string {
  const fault = knownFault(error);
  if (fault === null) return 'an unexpected error; see the log';
  return fault.advice === undefined ? fault.says : `${fault.says}; ${fault.advice}`;
}

/** The error that says so to a caller, with `error` as its cause. */
export function unavailable(error: unknown): HydraError {
  const message = needsOperator(error)
    ? `PostgreSQL cannot be used: ${databaseFault(error)}`
    : `PostgreSQL is unavailable: ${databaseFault(error)}; try again`;
  return new HydraError('unavailable', message, [], { cause: error });
}

/** Runs `operation`; what {@link isUnavailable} becomes `HydraError('unavailable')`, others pass as they are. */
export async function orUnavailable<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw isUnavailable(error) && !(error instanceof HydraError) ? unavailable(error) : error;
  }
}
