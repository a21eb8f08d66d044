import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AttemptKey } from '../../db/attempt-key.ts';
import type { Queryable } from '../../db/pool.ts';
import type { StoredOutput } from '../../db/read-output.ts';
import { HttpFault } from '../problem.ts';
import { parseRange, type ByteRange } from './byte-range.ts';
import { partialAtEnd, partialAtStart } from './partial-character.ts';
import { readParts } from './read-parts.ts';
import { bytesOf, sliceView, viewOf, type OutputChoice, type StreamPart, type StreamView } from './stream-view.ts';
import { watchReader, type Exchange } from './watch-reader.ts';

export interface BytesQuery {
  readonly stream: OutputChoice;
  /** Only the last so many bytes; a Range is then not looked at. */
  readonly tail: number | undefined;
}

/** Answers with the kept bytes of a stream as they are, a page of them in memory at a time. @throws OutputReplaced */
export async function sendOutputBytes(
  db: Queryable,
  taskId: string,
  output: StoredOutput,
  { stream, tail }: BytesQuery,
  { onSlow, reply, request }: Exchange,
): Promise<FastifyReply> {
  const { attempt, complete, spans } = output;
  const view = viewOf(spans, stream);
  const size = view.keptBytes;
  const asked = tail === undefined ? rangeOf(request, size) : null;
  const range = asked ?? { first: Math.max(0, size - (tail ?? size)), last: size };
  const chunks = readBytes(db, { taskId, attempt }, view, sliceView(view, range.first, range.last));
  // Before anything is answered, so that a fault can be.
  const first = await chunks.next();
  const head = first.done === true ? Buffer.alloc(0) : first.value;
  if (asked !== null) void reply.status(206).header('content-range', `bytes ${range.first}-${range.last - 1}/${size}`);
  if (view.gapAt !== null) void reply.header('x-hydra-gap-at', view.gapAt);
  return reply
    .type(isText(head) ? 'text/plain; charset=utf-8' : 'application/octet-stream')
    .headers({
      'accept-ranges': 'bytes',
      'content-length': range.last - range.first,
      'x-content-type-options': 'nosniff',
      'x-hydra-attempt': attempt,
      'x-hydra-complete': String(complete),
      'x-hydra-total-bytes': view.totalBytes,
      'x-hydra-dropped-bytes': view.totalBytes - size,
      'x-hydra-truncated': String(view.totalBytes > size),
    })
    .send(
      request.method === 'HEAD'
        ? Readable.from([])
        : Readable.from(watchReader(rejoin(head, chunks), onSlow), { objectMode: false }),
    );
}

/** `null`: all of it. With a condition on a validator, which no answer here has, ranges do not hold (RFC 9110, 13.1.5). */
function rangeOf({ headers }: FastifyRequest, size: number): ByteRange | null {
  if (headers['if-range'] !== undefined) return null;
  const range = parseRange(headers.range, size);
  if (range !== 'unsatisfiable') return range;
  throw new HttpFault(
    416,
    'range_not_satisfiable',
    `range: is beyond the ${size} bytes that there are`,
    [{ field: 'range', message: `is beyond the ${size} bytes that there are` }],
    { 'content-range': `bytes */${size}` },
  );
}

async function* readBytes(
  db: Queryable,
  key: AttemptKey,
  { choice }: StreamView,
  parts: readonly StreamPart[],
): AsyncGenerator<Buffer, void> {
  for await (const { piece, part } of readParts(db, key, parts)) yield bytesOf(piece, choice, part);
}

async function* rejoin(head: Buffer, rest: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  if (head.length > 0) yield head;
  yield* rest;
}

/** As far as the first of it tells. */
function isText(head: Buffer): boolean {
  const rest = head.subarray(partialAtStart(head));
  return isUtf8(rest.subarray(0, rest.length - partialAtEnd(rest)));
}
