import { Type, type Static } from 'typebox';
import { WORKER_STATES, type WorkerRow } from '../../db/list-workers.ts';
import { WORKER_ID_PATTERN } from '../../domain/patterns.ts';
import { Instant, Words } from './nullable.ts';

export const WorkerId = Type.String({
  pattern: WORKER_ID_PATTERN,
  description: 'Id of the worker.',
  examples: ['worker-1'],
});

export const WorkerSchema = Type.Object(
  {
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
  },
  { $id: 'Worker', description: 'A worker.' },
);
export type WorkerJson = Static<typeof WorkerSchema>;

export const WorkerRef = Type.Unsafe<WorkerJson>({ $ref: 'Worker#', description: 'The worker.' });

export function toWorkerJson(worker: WorkerRow): WorkerJson {
  return {
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
  };
}
