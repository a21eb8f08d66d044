import { Type } from 'typebox';
import { VERSION } from '../../runtime/version.ts';
import type { RouteTable } from '../route-table.ts';
import type { App } from '../services.ts';

const About = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    documentation: Type.String(),
    routes: Type.Unsafe<Readonly<Record<string, string>>>({ type: 'object', additionalProperties: { type: 'string' } }),
  },
  { description: 'What there is.' },
);

/** `GET /` and `GET /openapi.json`. After all other routes. */
export function addAboutRoutes(app: App, routes: RouteTable): void {
  const about = {
    summary: 'List the routes',
    description: 'What there is.',
    tags: ['operation'],
    operationId: 'getAbout',
    response: { 200: About },
  };
  app.get('/', { schema: about }, () => ({
    name: 'Hydra',
    version: VERSION,
    documentation: '/openapi.json',
    routes: routes.list(),
  }));

  const openapi = {
    summary: 'Read this description',
    description: 'The API as OpenAPI 3.1.',
    tags: ['operation'],
    operationId: 'getOpenapi',
    response: {
      200: {
        description: 'The description.',
        content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } },
      },
    },
  };
  app.get('/openapi.json', { schema: openapi }, () => app.swagger());
}
