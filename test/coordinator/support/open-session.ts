import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { CoordinatorMetrics } from '../../../src/coordinator/metrics.ts';
import { WorkerSession, type SessionStream } from '../../../src/coordinator/worker-session.ts';
import { decodeFromCoordinator } from '../../../src/rpc/codec.ts';
import type { CoordinatorMessage__Output } from '../../../src/rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { FromCoordinator } from '../../../src/rpc/messages.ts';

/** A session whose other end the test sees. */
export function openSession(workerId = `worker-${randomUUID()}`) {
  const sent: FromCoordinator[] = [];
  const faults: Error[] = [];
  const stream = Object.assign(new EventEmitter(), {
    write(message: CoordinatorMessage__Output, taken: () => void) {
      sent.push(decodeFromCoordinator(message));
      taken();
      return true;
    },
  });
  stream.on('error', (error: Error) => faults.push(error));
  const registration = {
    ...{ workerId, instanceId: randomUUID(), hostname: 'test', slots: 1, labels: {}, queues: ['*'], version: 'test' },
    ...{ pid: 1, inHand: [], draining: false, ordinal: 1 },
  };
  const deps = { metrics: new CoordinatorMetrics(), logger: pino({ level: 'silent' }), onRoom: () => undefined };
  const open = new WorkerSession(randomUUID(), registration, stream as unknown as SessionStream, deps);
  return { open, sent, faults };
}
