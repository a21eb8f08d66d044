import type { AttemptKey } from '../../db/attempt-key.ts';
import type { Queryable } from '../../db/pool.ts';
import { readOutputPieces } from '../../db/read-output-pieces.ts';
import type { OutputPiece } from '../../domain/output.ts';
import { endOf } from '../../domain/output-slice.ts';
import type { StreamPart } from './stream-view.ts';

/** What was to be read is not stored any more: the newest output of a command that runs was replaced. */
export class OutputReplaced extends Error {
  override readonly name = 'OutputReplaced';

  constructor() {
    super('the newest output was replaced while it was read; read it again');
  }
}

/**
 * The pieces of the parts, in their order, a page of them in memory at a time.
 * @throws OutputReplaced
 */
export async function* readParts(
  db: Queryable,
  key: AttemptKey,
  parts: readonly StreamPart[],
): AsyncGenerator<{ readonly piece: OutputPiece; readonly part: StreamPart }> {
  let page = new Map<number, OutputPiece>();
  for (const part of parts) {
    const { span } = part;
    if (!page.has(span.start)) {
      const pieces = await readOutputPieces(db, key, span.start);
      page = new Map(pieces.map((piece) => [piece.start, piece]));
    }
    const piece = page.get(span.start);
    if (piece === undefined || endOf(piece) < endOf(span)) throw new OutputReplaced();
    yield { piece, part };
  }
}
