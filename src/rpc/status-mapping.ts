import { status, type ServiceError } from '@grpc/grpc-js';
import { HydraError, type FaultCode } from '../domain/errors.ts';

/** Which status of gRPC says what; the codes are explained at {@link FaultCode}. */
const STATUS: Readonly<Record<FaultCode, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  unavailable: status.UNAVAILABLE,
};

/** The answer to a call that failed. A fault that is not the caller's says nothing of our insides. */
export function toServiceError(error: unknown): Partial<ServiceError> {
  if (error instanceof HydraError) return { code: STATUS[error.code], details: error.message };
  return { code: status.INTERNAL, details: 'an internal error; see the log of the coordinator' };
}
