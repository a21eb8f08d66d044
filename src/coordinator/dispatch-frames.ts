import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import type { Run } from '../domain/run-options.ts';

/** What one frame carries, unless one attempt alone is longer. */
const FRAME_BYTES = 1024 * 1024;
/** What the rest of an attempt takes at most, and each text beside its bytes. */
const ATTEMPT_BYTES = 512;
const TEXT_BYTES = 8;

/**
 * Splits attempts into frames. A message has a limit (MAX_MESSAGE_BYTES, which the longest single attempt is far from),
 * and a worker with many slots may be sent many long commands.
 */
export function* inFrames(tasks: readonly ClaimedTask[]): Generator<ClaimedTask[]> {
  let frame: ClaimedTask[] = [];
  let bytes = 0;
  for (const task of tasks) {
    const size = sizeOf(task.run);
    if (frame.length > 0 && bytes + size > FRAME_BYTES) {
      yield frame;
      frame = [];
      bytes = 0;
    }
    frame.push(task);
    bytes += size;
  }
  if (frame.length > 0) yield frame;
}

/** About how many bytes an attempt takes on the wire. */
function sizeOf({ argv, command, options, secretEnv }: Run): number {
  const texts = [
    command ?? '',
    ...(argv ?? []),
    options.cwd ?? '',
    ...Object.entries({ ...options.env }).flat(),
    ...Object.entries(secretEnv).flat(),
  ];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + TEXT_BYTES, ATTEMPT_BYTES);
}
