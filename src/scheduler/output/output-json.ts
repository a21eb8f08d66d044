import type { AttemptKey } from '../../db/attempt-key.ts';
import type { Queryable } from '../../db/pool.ts';
import type { StoredOutput } from '../../db/read-output.ts';
import type { OutputPiece } from '../../domain/output.ts';
import { toOutputText } from '../output-text.ts';
import { readParts } from './read-parts.ts';
import { bytesOf, sliceView, viewOf, type StreamPart, type StreamView } from './stream-view.ts';

export interface StreamJson {
  readonly text: string;
  readonly encoding: 'utf-8' | 'base64';
  readonly bytes: number;
  readonly truncated: boolean;
  readonly dropped_bytes: number;
  readonly gap_at: number | null;
}

export interface OutputJson {
  readonly task_id: string;
  readonly attempt: number;
  readonly complete: boolean;
  readonly stdout: StreamJson;
  readonly stderr: StreamJson;
}

/** The part of a stream that is asked for, from one of its kept bytes on. */
interface Wanted {
  readonly view: StreamView;
  readonly first: number;
  readonly parts: readonly StreamPart[];
}

/** Both streams as JSON; with `tail` only the last so many bytes of each. @throws OutputReplaced */
export async function toOutputJson(
  db: Queryable,
  taskId: string,
  { attempt, complete, spans }: StoredOutput,
  tail = Infinity,
): Promise<OutputJson> {
  const wanted = (choice: 'stdout' | 'stderr'): Wanted => {
    const view = viewOf(spans, choice);
    const first = Math.max(0, view.keptBytes - tail);
    return { view, first, parts: sliceView(view, first, view.keptBytes) };
  };
  const [stdout, stderr] = [wanted('stdout'), wanted('stderr')];
  const pieces = await readPieces(db, { taskId, attempt }, [...stdout.parts, ...stderr.parts]);
  return {
    task_id: taskId,
    attempt,
    complete,
    stdout: streamJson(stdout, pieces, complete),
    stderr: streamJson(stderr, pieces, complete),
  };
}

/** Each piece once, by its position. */
async function readPieces(
  db: Queryable,
  key: AttemptKey,
  parts: readonly StreamPart[],
): Promise<Map<number, OutputPiece>> {
  const byStart = new Map(parts.map((part) => [part.span.start, part]));
  const inOrder = [...byStart.values()].sort((a, b) => a.span.start - b.span.start);
  const pieces = new Map<number, OutputPiece>();
  for await (const { piece } of readParts(db, key, inOrder)) pieces.set(piece.start, piece);
  return pieces;
}

function streamJson(
  { view, first, parts }: Wanted,
  pieces: ReadonlyMap<number, OutputPiece>,
  complete: boolean,
): StreamJson {
  const { choice, gapAt, keptBytes, totalBytes } = view;
  const bytes = parts.flatMap((part) => {
    const piece = pieces.get(part.span.start);
    return piece === undefined ? [] : [bytesOf(piece, choice, part)];
  });
  const told = toOutputText({
    bytes: Buffer.concat(bytes),
    gapAt: gapAt === null || gapAt < first ? null : gapAt - first,
    moreBefore: first > 0,
    moreBehind: !complete,
  });
  return {
    text: told.text,
    encoding: told.encoding,
    bytes: totalBytes,
    truncated: totalBytes > keptBytes,
    dropped_bytes: totalBytes - keptBytes,
    gap_at: told.gapAt,
  };
}
