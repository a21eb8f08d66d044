import { STATUS_CODES } from 'node:http';
import { isUnavailable, needsOperator, unavailable } from '../db/unavailable.ts';
import { HydraError, MAX_FAULTS, type FaultCode, type FieldFault } from '../domain/errors.ts';

/** A fault that only HTTP knows, such as a method that a route does not have. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: readonly FieldFault[] = [],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** The body of every answer that is not a success: RFC 9457, with a `code` for programs and faults by field. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly FieldFault[];
}

export interface ProblemReply {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** What a client may wait before it tries again; outages of PostgreSQL are mostly restarts, and people take longer. */
const RETRY_AFTER_S = { usual: 2, unmended: 30 };

const STATUS: Readonly<Record<FaultCode, number>> = {
  invalid_argument: 400,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
};

/** The one place where faults become HTTP. `requestId` lets people find a defect in the log. */
export function toProblem(error: unknown, requestId: string): ProblemReply {
  if (error instanceof HydraError) {
    const status = STATUS[error.code];
    return reply(status, error.code, summary(error.message, error.faults), error.faults, retryAfter(status, error));
  }
  if (error instanceof HttpFault) {
    return reply(error.status, error.code, summary(error.message, error.faults), error.faults, error.headers);
  }
  if (isUnavailable(error)) return toProblem(unavailable(error), requestId);
  const status = property(error, 'statusCode');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return reply(status, 'invalid_request', error instanceof Error ? error.message : String(error));
  }
  return reply(500, 'internal', `a defect in Hydra; its log says more under the request id ${requestId}`);
}

function reply(
  status: number,
  code: string,
  detail: string,
  errors: readonly FieldFault[] = [],
  headers: Readonly<Record<string, string>> = {},
): ProblemReply {
  return {
    problem: { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail, errors },
    headers,
  };
}

function retryAfter(status: number, error: HydraError): Readonly<Record<string, string>> {
  if (status !== 503) return {};
  return { 'retry-after': String(needsOperator(error) ? RETRY_AFTER_S.unmended : RETRY_AFTER_S.usual) };
}

function summary(message: string, faults: readonly FieldFault[]): string {
  if (faults.length < 2) return message;
  const end = faults.length >= MAX_FAULTS ? '; there may be more' : '';
  return `${faults.length} faults, listed in errors${end}`;
}

function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null && name in error
    ? (error as Record<string, unknown>)[name]
    : undefined;
}
