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
    const why = withoutExcerpt((error as Error).message, text);
    throw invalidArgument([{ field: 'body', message: `is not JSON (${why}); send a JSON object` }]);
  }
}

/** V8 quotes this many characters before the fault, with dots in front when there were more. */
const EXCERPT_LEAD = 10;

/**
 * Where V8 does not say where the fault is, it quotes what is around it. That may be secret, and faults are logged: the
 * place is told instead, as well as it can be found.
 */
function withoutExcerpt(message: string, text: string): string {
  const [, what, dots, excerpt] = /^(.*?), (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
  if (what === undefined || excerpt === undefined) return message.replace(/".*$/s, '…');
  const start = text.indexOf(excerpt);
  if (dots === undefined || start !== text.lastIndexOf(excerpt)) return what;
  return `${what} in JSON at position ${start + EXCERPT_LEAD}`;
}
