import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpFault } from './problem.ts';

/** They change nothing, and no answer lets the page of another site read what they give. */
const HARMLESS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what the page of another site makes a browser do: a POST without a body needs no leave from anybody, and the
 * id of a worker can be guessed. Browsers say whose page it is; whoever says nothing is no browser. `allowed` are the
 * names that Hydra has beside the one that was asked.
 */
export function guardOrigin(app: FastifyInstance, allowed: readonly string[] | null): void {
  const names = new Set((allowed ?? []).map((name) => name.toLowerCase()));
  app.addHook('onRequest', (request, _reply, done) => {
    if (HARMLESS.includes(request.method) || isOwnPage(request, names)) {
      done();
      return;
    }
    const message = 'is a page of another site; only pages of this scheduler may do this';
    done(new HttpFault(403, 'forbidden', `origin: ${message}`, [{ field: 'origin', message }]));
  });
}

function isOwnPage({ headers, host }: FastifyRequest, names: ReadonlySet<string>): boolean {
  const { origin } = headers;
  const from = origin === undefined ? null : hostOf(origin);
  if (from !== null && names.has(from.hostname)) return true;
  // Told by browsers to addresses that they trust; a proxy in between does not change it.
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || from?.host === host.toLowerCase();
}

/** `null` for the origin of what has none, such as a file. */
function hostOf(origin: string): URL | null {
  return URL.canParse(origin) ? new URL(origin) : null;
}
