import { Type } from 'typebox';
import { problems } from '../schemas/problem.ts';
import type { App, Services } from '../services.ts';
import { within } from '../within.ts';

/** Those who ask give up after a few seconds, so an answer must come before. */
const READY_TIMEOUT_MS = 1_500;

const Status = (description: string) => Type.Object({ status: Type.String() }, { description });

/** `GET /healthz` and `GET /readyz` */
export function addHealthRoutes(app: App, { ready }: Services): void {
  const health = {
    summary: 'Is the process alive?',
    description: 'Answers whether or not PostgreSQL does.',
    tags: ['operation'],
    operationId: 'getHealth',
    response: { 200: Status('It is.') },
  };
  app.get('/healthz', { schema: health }, () => ({ status: 'alive' }));

  const readiness = {
    summary: 'Can it serve requests?',
    description:
      'Ready when PostgreSQL answers, can be written to, and its schema is that of this version or a newer one.',
    tags: ['operation'],
    operationId: 'getReadiness',
    response: { 200: Status('It can.'), ...problems(503) },
  };
  app.get('/readyz', { schema: readiness }, async () => {
    await within(READY_TIMEOUT_MS, ready(), 'PostgreSQL does not answer: looking at the schema');
    return { status: 'ready' };
  });
}
