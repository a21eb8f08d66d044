import { Type } from 'typebox';
import { listWorkers, WORKER_STATES } from '../../db/list-workers.ts';
import { Instant, Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import type { App, Services } from '../services.ts';
import { NoQuery } from '../validation.ts';

const Worker = Type.Object({
  id: Type.String(),
  state: Words(WORKER_STATES, {
    description: '`draining`: takes nothing new. `lost`: its lease has ended, and its tasks go back.',
  }),
  hostname: Type.String(),
  pid: Type.Integer(),
  version: Type.String(),
  slots: Type.Integer({ description: 'How many commands it runs at once.' }),
  running: Type.Integer({ description: 'How many it runs, as recorded.' }),
  labels: Type.Unsafe<Readonly<Record<string, string>>>({ type: 'object', additionalProperties: { type: 'string' } }),
  queues: Type.Array(Type.String(), { description: 'Queues it serves; `*`: all.' }),
  coordinator_id: Type.String({ description: 'The coordinator it is connected to, or was last.' }),
  connected_at: Instant('When its session began.'),
  last_heartbeat_at: Instant('Its last sign of life.'),
  lease_until: Instant('Until when it owns what it runs, unless renewed.'),
});

/** `GET /workers` */
export function addWorkersRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'List workers',
    description: 'Every registered worker of the cluster, by id.',
    tags: ['cluster'],
    operationId: 'listWorkers',
    querystring: NoQuery,
    response: {
      200: Type.Object({ workers: Type.Array(Worker) }, { description: 'The workers.' }),
      ...problems(503),
    },
  };
  app.get('/workers', { schema }, async () => {
    const workers = await listWorkers(db);
    return {
      workers: workers.map((worker) => ({
        id: worker.id,
        state: worker.state,
        hostname: worker.hostname,
        pid: worker.pid,
        version: worker.version,
        slots: worker.slots,
        running: worker.running,
        labels: worker.labels,
        queues: [...worker.queues],
        coordinator_id: worker.coordinatorId,
        connected_at: worker.connectedAt.toISOString(),
        last_heartbeat_at: worker.lastHeartbeatAt.toISOString(),
        lease_until: worker.leaseUntil.toISOString(),
      })),
    };
  });
}
