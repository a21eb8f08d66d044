import type { FastifyInstance } from 'fastify';
import { isIP } from 'node:net';
import { HttpFault } from './problem.ts';

/**
 * Refuses requests that were addressed to a name which is not Hydra's. A web page can have its own name resolve to this
 * machine (DNS rebinding); to the browser, Hydra is then part of the page's site. It cannot do so with `localhost`,
 * or with an address instead of a name. `allowed` are names beside those; `null`: any name. What names no host at all
 * is no browser.
 */
export function guardHost(app: FastifyInstance, allowed: readonly string[] | null): void {
  if (allowed === null) return;
  const names = new Set(['', 'localhost', ...allowed.map((name) => name.toLowerCase())]);
  app.addHook('onRequest', (request, _reply, done) => {
    const name = request.hostname.toLowerCase();
    if (names.has(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) {
      done();
      return;
    }
    const message = 'is not a name of this scheduler; use its address, or list the name in HYDRA_HTTP_ALLOWED_HOSTS';
    done(new HttpFault(421, 'misdirected', `host: ${message}`, [{ field: 'host', message }]));
  });
}
