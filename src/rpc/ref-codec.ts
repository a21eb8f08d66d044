import type { AttemptRef as WireRef, AttemptRef__Output } from './generated/hydra/v1/AttemptRef.ts';
import type { AttemptRef } from './messages.ts';

export function encodeRef(ref: AttemptRef): WireRef {
  return { task_id: ref.taskId, attempt: ref.attempt };
}

export function decodeRef(wire: AttemptRef__Output | null | undefined): AttemptRef {
  return { taskId: wire?.task_id ?? '', attempt: wire?.attempt ?? 0 };
}
