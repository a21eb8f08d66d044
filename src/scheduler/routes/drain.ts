import { Type, type Static } from 'typebox';
import { drainWorker } from '../../db/drain-worker.ts';
import { listWorkers } from '../../db/list-workers.ts';
import { HydraError, invalidArgument } from '../../domain/errors.ts';
import { MAX_DURATION_MS } from '../../domain/run-options-input.ts';
import { faultFinder } from '../../domain/schema-faults.ts';
import { bodyOf } from '../json-body.ts';
import { problems } from '../schemas/problem.ts';
import { toWorkerJson, WorkerId, WorkerRef } from '../schemas/worker.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const Drain = Type.Object(
  {
    timeout_ms: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_DURATION_MS,
        description:
          'What still runs after this long is stopped and handed back, to be run elsewhere. Default: as the worker is ' +
          'configured. Asked again, the shortest counts.',
        examples: [60_000],
      }),
    ),
  },
  { additionalProperties: false, description: 'May be left out.', examples: [{ timeout_ms: 60_000 }] },
);

const findFaults = faultFinder(Drain);

/** `POST /workers/:worker_id/drain` */
export function addDrainRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Drain a worker',
    description: 'Tells a worker to take nothing new, finish what it runs, and leave. It cannot be taken back.',
    tags: ['cluster'],
    operationId: 'drainWorker',
    querystring: NoQuery,
    params: Type.Object({ worker_id: WorkerId }),
    body: Drain,
    response: { 202: { ...WorkerRef, description: 'It is told.' }, ...problems(400, 404, 413, 415, 503) },
  };
  app.post('/workers/:worker_id/drain', { schema }, async (request, reply) => {
    const { worker_id: workerId } = request.params;
    const { timeout_ms: timeoutMs = null } = readBody(bodyOf(request));
    const drained = await drainWorker(db, workerId, timeoutMs);
    const worker = (await listWorkers(db)).find(({ id }) => id === workerId);
    // It may have left between the two.
    if (!drained || worker === undefined) throw new HydraError('not_found', `there is no worker ${workerId}`);
    return reply.status(202).send(toWorkerJson(worker));
  });
}

function readBody(body: unknown = {}): Static<typeof Drain> {
  const faults = findFaults(body);
  if (faults.length > 0) throw invalidArgument(faults);
  return body as Static<typeof Drain>;
}
