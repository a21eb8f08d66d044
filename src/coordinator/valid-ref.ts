import { UUID_PATTERN } from '../domain/uuid.ts';
import type { AttemptRef } from '../rpc/messages.ts';

const UUID = new RegExp(UUID_PATTERN);

/** Whether PostgreSQL can be asked about it. */
export function isRef(ref: AttemptRef): boolean {
  return UUID.test(ref.taskId) && ref.attempt >= 1 && ref.attempt < 2 ** 31;
}
