import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Queryable } from '../../db/pool.ts';
import type { StoredOutput } from '../../db/read-output.ts';
import { invalidArgument } from '../../domain/errors.ts';
import { EVENT_STREAM_START, toBytes, toEventStream } from './event-stream.ts';
import { beginningOf, followOutput } from './follow-output.ts';
import { cursorInPiece, decodeEventId, type OutputCursor } from './output-cursor.ts';
import type { OutputWatch } from './output-watch.ts';
import { readParts } from './read-parts.ts';
import { sliceView, viewOf, type OutputChoice } from './stream-view.ts';
import { watchReader, type Exchange } from './watch-reader.ts';

/** Comments are sent in a silence this long, so that nobody in between takes the connection for a dead one. */
const QUIET_MS = 15_000;

export interface FollowQuery {
  readonly taskId: string;
  readonly attempt: number | null;
  readonly stream: OutputChoice;
  /** Begin with the last so many bytes that there are. */
  readonly tail: number | undefined;
}

/** Where somebody begins to follow. */
interface Beginning {
  readonly from: OutputCursor | null;
  readonly resumes: boolean;
}

/**
 * Answers with what a task writes while it writes it: server-sent events for those who ask for them, else the bytes. The
 * answer ends with the task. When the scheduler stops before, events just end, and are resumed elsewhere; bytes break off,
 * so that nobody takes them for all there were.
 */
export async function sendFollowed(
  db: Queryable,
  watch: OutputWatch,
  query: FollowQuery,
  output: StoredOutput,
  { onSlow, reply, request }: Exchange,
): Promise<FastifyReply> {
  const isEvents = request.headers.accept?.includes('text/event-stream') === true;
  const beginning = resumed(request, query, output) ?? (await begun(db, query, output));
  if (beginning === 'ended') return reply.status(204).send();
  const { attempt, stream, taskId } = query;
  const gone = new AbortController();
  const options = { watch, taskId, attempt, ...beginning, quietMs: QUIET_MS, signal: gone.signal };
  reply.raw.once('close', () => gone.abort());
  async function* body(): AsyncGenerator<string | Buffer, void> {
    // The first bytes may be long in coming.
    reply.raw.flushHeaders();
    if (isEvents) yield EVENT_STREAM_START;
    let ended = false;
    for await (const event of followOutput(options)) {
      for (const part of isEvents ? toEventStream(event, stream) : toBytes(event, stream)) {
        if (part.length > 0) yield part;
      }
      ended = event.kind === 'end';
    }
    if (!ended && !isEvents && !gone.signal.aborted)
      throw new Error('the output is followed no longer, since this scheduler stops');
  }
  return (
    reply
      .type(isEvents ? 'text/event-stream; charset=utf-8' : 'text/plain; charset=utf-8')
      .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff' })
      // An answer that ends when the scheduler stops must not leave a connection open.
      .headers(isEvents ? { connection: 'close' } : {})
      .send(
        request.method === 'HEAD'
          ? Readable.from([])
          : Readable.from(watchReader(body(), onSlow), { objectMode: false }),
      )
  );
}

/** Where the client left off; `null`: it does not say. */
function resumed(request: FastifyRequest, query: FollowQuery, output: StoredOutput): Beginning | 'ended' | null {
  const text = request.headers['last-event-id'];
  if (typeof text !== 'string' || text === '') return null;
  const id = decodeEventId(text);
  const fault = (message: string) => invalidArgument([{ field: 'last-event-id', message }]);
  if (id === null) throw fault('is no id of an event of this output; give one as it came, or none');
  if (id.ended) return 'ended';
  const { attempt } = id.cursor;
  if (attempt > output.newestAttempt) {
    throw fault(`is of attempt ${attempt}, and the task has had ${output.newestAttempt}; give none to begin anew`);
  }
  if (query.attempt !== null && attempt !== query.attempt) {
    throw fault(`is of attempt ${attempt}, not of attempt ${query.attempt}; give none to begin anew`);
  }
  return { from: id.cursor, resumes: true };
}

async function begun(
  db: Queryable,
  { stream, tail, taskId }: FollowQuery,
  { attempt, spans }: StoredOutput,
): Promise<Beginning> {
  if (attempt === 0) return { from: null, resumes: false };
  if (tail === undefined) return { from: beginningOf(attempt), resumes: false };
  const view = viewOf(spans, stream);
  const parts = sliceView(view, Math.max(0, view.keptBytes - tail), view.keptBytes);
  for await (const { piece, part } of readParts(db, { taskId, attempt }, parts.slice(0, 1))) {
    return { from: cursorInPiece(attempt, piece, stream, part.from), resumes: false };
  }
  const end = spans.at(-1);
  return { from: { attempt, stdout: end?.stdoutEnd ?? 0, stderr: end?.stderrEnd ?? 0 }, resumes: false };
}
