import type { OutputPiece } from '../domain/output.ts';
import type { OutputChunk } from '../rpc/messages.ts';
import { isRef } from './valid-ref.ts';

/** Workers send at most 64 KiB in one piece; more is tolerated up to this. */
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Whether a piece that was sent while a command runs can be stored. */
export function isValidChunk(chunk: OutputChunk): boolean {
  const { data, ref, replacesFrom, start } = chunk;
  return (
    isRef(ref) &&
    data.length <= MAX_CHUNK_BYTES &&
    isConsistent(chunk) &&
    (replacesFrom === null || (isPosition(replacesFrom) && replacesFrom <= start))
  );
}

/**
 * The output within a result as it can be stored. Pieces that contradict themselves or one another are left out, all of
 * them: what is left would not be what the command wrote.
 */
export function cleanOutput(pieces: readonly OutputPiece[]): OutputPiece[] {
  const valid = pieces.every(
    (piece, index) => isConsistent(piece) && piece.replacesFrom === null && follows(piece, pieces[index - 1]),
  );
  return valid
    ? pieces.map(({ data, segments, start, stderrEnd, stdoutEnd }) => ({
        start,
        data,
        segments,
        stdoutEnd,
        stderrEnd,
        replacesFrom: null,
      }))
    : [];
}

/** The parts add up, and so do the positions. */
function isConsistent({ data, segments, start, stderrEnd, stdoutEnd }: OutputPiece): boolean {
  const { stderr, stdout } = lengths(segments);
  return (
    [start, stdoutEnd, stderrEnd, stdoutEnd + stderrEnd].every(isPosition) &&
    segments.every((length) => length !== 0) &&
    stdout + stderr === data.length &&
    start + data.length === stdoutEnd + stderrEnd &&
    stdout <= stdoutEnd &&
    stderr <= stderrEnd
  );
}

/** The piece begins behind the one before, in each stream. */
function follows(piece: OutputPiece, before: OutputPiece | undefined): boolean {
  if (before === undefined) return true;
  const { stderr, stdout } = lengths(piece.segments);
  return (
    piece.start > before.start &&
    piece.stdoutEnd - stdout >= before.stdoutEnd &&
    piece.stderrEnd - stderr >= before.stderrEnd
  );
}

function lengths(segments: readonly number[]): { readonly stdout: number; readonly stderr: number } {
  let stdout = 0;
  let stderr = 0;
  for (const length of segments) {
    if (length > 0) stdout += length;
    else stderr -= length;
  }
  return { stdout, stderr };
}

function isPosition(position: number): boolean {
  return Number.isSafeInteger(position) && position >= 0;
}
