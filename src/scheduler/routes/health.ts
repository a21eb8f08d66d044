import { Type } from 'typebox';
import { HydraError } from '../../domain/errors.ts';
import { problems } from '../schemas/problem.ts';
import type { App, Services } from '../services.ts';
import { within } from '../within.ts';

/** Those who ask give up after a few seconds, so an answer must come before. */
const READY_TIMEOUT_MS = 1_500;

const Status = (description: string) => Type.Object({ status: Type.String() }, { description });

/** `GET /healthz` and `GET /readyz` */
export function addHealthRoutes(app: App, { schemaStatus }: Services): void {
  const health = {
    summary: 'Is the process alive?',
    description: 'Answers whether or not PostgreSQL does.',
    tags: ['operation'],
    operationId: 'getHealth',
    response: { 200: Status('It is.') },
  };
  app.get('/healthz', { schema: health }, () => ({ status: 'alive' }));

  const ready = {
    summary: 'Can it serve requests?',
    description: 'Ready when PostgreSQL answers and its schema is that of this version or a newer one.',
    tags: ['operation'],
    operationId: 'getReadiness',
    response: { 200: Status('It can.'), ...problems(503) },
  };
  app.get('/readyz', { schema: ready }, async () => {
    const { current, missing } = await within(READY_TIMEOUT_MS, schemaStatus(), 'asking PostgreSQL for its schema');
    if (!current) {
      throw new HydraError('unavailable', `the schema lacks ${missing.join(', ')}; run: hydra migrate`);
    }
    return { status: 'ready' };
  });
}
