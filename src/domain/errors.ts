/** One thing that is wrong with what somebody sent: where, and what would be right. */
export interface FieldFault {
  /** Path of the field, such as `scheduled_at`, `tasks[3].labels.region`; `body` for the whole. */
  readonly field: string;
  /** A sentence: what was wrong and what would be right. */
  readonly message: string;
}

/** Most faults that are told of one request. */
export const MAX_FAULTS = 100;

/** The kinds of fault that cross a public surface. REST and gRPC each map them to a status in one file. */
export type FaultCode =
  /** Something in the request is wrong; `faults` says what. */
  | 'invalid_argument'
  /** No such task, worker or route. */
  | 'not_found'
  /** Not possible in the state the thing is in. */
  | 'conflict'
  /** PostgreSQL cannot be reached or does not answer; trying again may work. */
  | 'unavailable';

/** A fault that a caller can act on. Anything else that is thrown is a defect. */
export class HydraError extends Error {
  override readonly name = 'HydraError';

  constructor(
    readonly code: FaultCode,
    message: string,
    readonly faults: readonly FieldFault[] = [],
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The error for bad input; its message repeats the faults, for surfaces that carry text only. */
export function invalidArgument(faults: readonly FieldFault[]): HydraError {
  return new HydraError('invalid_argument', faults.map((f) => `${f.field}: ${f.message}`).join('; '), faults);
}
