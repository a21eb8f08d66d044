import { setTimeout as delay } from 'node:timers/promises';
import { isUnavailable } from '../../db/unavailable.ts';
import type { OutputProgress } from '../../db/watch-outputs.ts';
import type { OutputPiece } from '../../domain/output.ts';
import { isEnd } from '../../domain/task-state.ts';
import { positionOf, type OutputCursor } from './output-cursor.ts';
import type { OutputWatch } from './output-watch.ts';
import { readOn, type ReadingStep } from './reading.ts';

export interface FollowOptions {
  readonly watch: OutputWatch;
  readonly taskId: string;
  /** Only this attempt; `null`: from the one of the cursor on, through retries, to the end of the task. */
  readonly attempt: number | null;
  /** Where to begin; `null`: at the beginning of the first attempt, once there is one. */
  readonly from: OutputCursor | null;
  /** It was told before of the attempt that `from` names. */
  readonly resumes: boolean;
  /** Silence after which `quiet` is told. */
  readonly quietMs: number;
  /** Whoever follows has gone. */
  readonly signal: AbortSignal;
}

export type FollowEvent =
  | { readonly kind: 'output'; readonly steps: readonly ReadingStep[] }
  /** From here on it is the output of this attempt. */
  | { readonly kind: 'attempt'; readonly cursor: OutputCursor }
  | { readonly kind: 'quiet' }
  /** The last event. */
  | { readonly kind: 'end'; readonly cursor: OutputCursor; readonly progress: OutputProgress };

/** How long to wait before what PostgreSQL did not give is asked for again. */
const RETRY_MS = 500;

/**
 * Tells what a task writes, as it is stored, from one attempt to the next until the task has ended. Each byte is told at
 * most once, in order; the pace is that of whoever asks for the next event. It returns without an `end` when the signal
 * or the watch says stop, or when the task is gone.
 */
export async function* followOutput(options: FollowOptions): AsyncGenerator<FollowEvent, void> {
  const { attempt, quietMs, signal, taskId, watch } = options;
  const subscription = watch.follow({ taskId, attempt });
  const mayGoOn = () => !signal.aborted && !watch.isStopping;
  let cursor = options.from;
  try {
    if (cursor !== null && !options.resumes) yield { kind: 'attempt', cursor };
    while (mayGoOn()) {
      const { progress } = subscription;
      if (progress === null) return;
      if (progress !== undefined) {
        if (cursor === null && progress.newestAttempt > 0) {
          cursor = beginningOf(1);
          yield { kind: 'attempt', cursor };
        }
        if (cursor !== null) {
          for await (const steps of readAll(options, progress, cursor)) {
            yield { kind: 'output', steps };
            cursor = steps.at(-1)?.cursor ?? cursor;
          }
        }
        if (isAllOver(progress, cursor, attempt)) {
          if (mayGoOn()) yield { kind: 'end', cursor: cursor ?? beginningOf(0), progress };
          return;
        }
        if (cursor !== null && attempt === null && cursor.attempt < progress.newestAttempt) {
          cursor = beginningOf(cursor.attempt + 1);
          yield { kind: 'attempt', cursor };
          continue;
        }
      }
      await subscription.changed(progress, quietMs, signal);
      if (subscription.progress === progress && mayGoOn()) yield { kind: 'quiet' };
    }
  } finally {
    subscription.leave();
  }
}

export function beginningOf(attempt: number): OutputCursor {
  return { attempt, stdout: 0, stderr: 0 };
}

/** All that there is now after the cursor, page by page. */
async function* readAll(
  options: FollowOptions,
  progress: OutputProgress,
  from: OutputCursor,
): AsyncGenerator<ReadingStep[], void> {
  const isOver = isAttemptOver(progress, from.attempt);
  const isWatched = from.attempt === (progress.attempt ?? progress.newestAttempt);
  let cursor = from;
  // While it goes on there is nothing to read but what was seen to be there.
  while (isOver || (isWatched && positionOf(cursor) < progress.outputEnd)) {
    const pieces = await readPage(options, cursor);
    let steps = readOn(pieces, cursor, false);
    if (steps.length === 0 && isOver) steps = readOn(pieces, cursor, true);
    if (steps.length === 0) return;
    yield steps;
    cursor = steps.at(-1)?.cursor ?? cursor;
  }
}

/** Waits for as long as PostgreSQL is away; nothing when nobody waits any more. */
async function readPage({ signal, taskId, watch }: FollowOptions, cursor: OutputCursor): Promise<OutputPiece[]> {
  while (!signal.aborted && !watch.isStopping) {
    try {
      return await watch.read({ taskId, attempt: cursor.attempt }, positionOf(cursor));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return [];
}

function isAttemptOver({ newestAttempt, state }: OutputProgress, attempt: number): boolean {
  return attempt < newestAttempt || isEnd(state) || (attempt === newestAttempt && state === 'scheduled');
}

/** Nothing more comes of what is followed. */
function isAllOver(progress: OutputProgress, cursor: OutputCursor | null, attempt: number | null): boolean {
  if (attempt !== null) return isAttemptOver(progress, attempt);
  return isEnd(progress.state) && (cursor?.attempt ?? 0) >= progress.newestAttempt;
}
