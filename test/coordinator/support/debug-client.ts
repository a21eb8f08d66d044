import { credentials, type ServiceError } from '@grpc/grpc-js';
import type { Coordinator } from '../../../src/coordinator/coordinator.ts';
import type { DebugClient } from '../../../src/rpc/generated/hydra/v1/Debug.ts';
import type { Event__Output } from '../../../src/rpc/generated/hydra/v1/Event.ts';
import { services } from '../../../src/rpc/load-proto.ts';
import { beforeStop } from './fixture.ts';

type Answered<Response> = (error: ServiceError | null, response?: Response) => void;

/** A client of the debugging service; closed when the test ends. */
export function debugClient(coordinator: Pick<Coordinator, 'address'>): DebugClient {
  const client = new (services().Debug)(coordinator.address, credentials.createInsecure());
  beforeStop(() => client.close());
  return client;
}

/** `await answered((done) => client.GetTask(request, done))`; rejects with the status. */
export function answered<Response>(call: (done: Answered<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error ?? new Error('neither an answer nor an error'));
    });
  });
}

/** What happens on the coordinator from now on. */
export async function watchEvents(
  coordinator: Pick<Coordinator, 'address'>,
): Promise<{ readonly events: readonly Event__Output[] }> {
  const call = debugClient(coordinator).WatchEvents({});
  call.on('error', () => undefined);
  beforeStop(() => call.cancel());
  const events: Event__Output[] = [];
  call.on('data', (event: Event__Output) => events.push(event));
  await new Promise((resolve) => call.once('metadata', resolve));
  return { events };
}
