import type { OutputPiece } from '../domain/output.ts';
import type { AttemptResult } from '../domain/task-state.ts';
import type { Usage } from '../domain/usage.ts';
import type { AttemptRef } from '../rpc/messages.ts';

/** An attempt that is over. Instants are of performance.now(). */
export interface EndedAttempt {
  readonly ref: AttemptRef;
  /** `null`: it never started. */
  readonly startedAtMs: number | null;
  readonly endedAtMs: number;
  readonly result: AttemptResult;
  /** The last of what it wrote; what came before was sent and acknowledged. */
  readonly output: readonly OutputPiece[];
  readonly usage: Usage;
}
