import swagger from '@fastify/swagger';
import { VERSION } from '../runtime/version.ts';
import type { App } from './services.ts';

/** Describes every route that is added after it. */
export async function describeRoutes(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hydra',
        version: VERSION,
        description:
          'A distributed task scheduler: at a given time, run this command on one of many workers, reliably, and say ' +
          'what became of it.\n\n**Whoever reaches this API can run commands on the workers.** There is no ' +
          'authentication: Hydra listens on the loopback address unless told otherwise, and anything in front of it ' +
          'decides who gets through. What the page of another site makes a browser change is refused.\n\n' +
          'Instants are ISO 8601. Answers that are not successes are ' +
          '`application/problem+json` (RFC 9457); `errors` names each field at fault and says what would be right.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This scheduler.' }],
      tags: [
        { name: 'tasks', description: 'Submit, read, cancel and repeat tasks.' },
        { name: 'cluster', description: 'Workers and what there is to do.' },
        { name: 'operation', description: 'For those who run Hydra.' },
      ],
    },
    convertConstToEnum: false,
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `def-${i}`),
    },
  });
}
