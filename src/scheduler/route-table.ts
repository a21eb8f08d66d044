import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HydraError } from '../domain/errors.ts';
import { HttpFault } from './problem.ts';

interface Route {
  readonly path: string;
  readonly matches: RegExp;
  /** Method → what it does. */
  readonly methods: Map<string, string>;
}

/** Knows every route, to tell what a request for none of them could have meant. Made before routes are added. */
export class RouteTable {
  readonly #routes = new Map<string, Route>();

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method, schema }) => {
      const route = this.#routes.get(url) ?? { path: url, matches: pattern(url), methods: new Map<string, string>() };
      this.#routes.set(url, route);
      for (const name of [method].flat()) route.methods.set(name, schema?.summary ?? '');
    });
    // Before the body is read: what is wrong with it does not matter here.
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.is404) done(this.#unknown(request));
      else done();
    });
  }

  /** `GET /stats` → what it does. */
  list(): Record<string, string> {
    const entries = [...this.#routes.values()].flatMap(({ path, methods }) =>
      [...methods].filter(([method]) => method !== 'HEAD').map(([method, summary]) => [`${method} ${path}`, summary]),
    );
    return Object.fromEntries(entries) as Record<string, string>;
  }

  #unknown(request: FastifyRequest): Error {
    const path = request.url.replace(/\?.*$/s, '');
    const route = [...this.#routes.values()].find(({ matches }) => matches.test(path));
    if (route === undefined) {
      return new HydraError('not_found', `there is no ${path.slice(0, 100)}; GET / lists what there is`);
    }
    const allow = [...route.methods.keys()].join(', ');
    const detail = `${request.method} is not possible on ${route.path}; use ${allow}`;
    return new HttpFault(405, 'method_not_allowed', detail, [], { allow });
  }
}

function pattern(url: string): RegExp {
  return new RegExp(`^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]*')}$`);
}
