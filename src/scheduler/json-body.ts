import type { FastifyInstance } from 'fastify';
import { invalidArgument } from '../domain/errors.ts';
import { HttpFault } from './problem.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Bodies are JSON in UTF-8 and nothing else. A page of another site can make a browser send text or a form, but not
 * application/json without asking first, which no answer of Hydra allows. What is not UTF-8 is refused, since the
 * command would be altered. A body that is empty is `undefined`; routes that want one say so.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      const message = `is ${encoding}; send the body as it is`;
      done(
        new HttpFault(415, 'unsupported_media_type', `content-encoding: ${message}`, [
          { field: 'content-encoding', message },
        ]),
      );
      return;
    }
    try {
      done(null, body.length === 0 ? undefined : parse(body));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** What was sent, not yet checked; `undefined` when nothing was, for which Fastify has `null`. */
export function bodyOf(request: { readonly body: unknown }): unknown {
  return request.body ?? undefined;
}

function parse(body: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw invalidArgument([{ field: 'body', message: 'is not valid UTF-8; send JSON in UTF-8' }]);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the fault, and says where it is.
    const why = (error as Error).message.replaceAll(/\s+/g, ' ').slice(0, 160);
    throw invalidArgument([{ field: 'body', message: `is not JSON (${why}); send a JSON object` }]);
  }
}
