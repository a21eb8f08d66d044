import { Type } from 'typebox';
import { listWorkers } from '../../db/list-workers.ts';
import { problems } from '../schemas/problem.ts';
import { toWorkerJson, WorkerRef } from '../schemas/worker.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

/** `GET /workers` */
export function addWorkersRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'List workers',
    description: 'Every registered worker of the cluster, by id.',
    tags: ['cluster'],
    operationId: 'listWorkers',
    querystring: NoQuery,
    response: {
      200: Type.Object({ workers: Type.Array(WorkerRef) }, { description: 'The workers.' }),
      ...problems(503),
    },
  };
  app.get('/workers', { schema }, async () => ({ workers: (await listWorkers(db)).map(toWorkerJson) }));
}
