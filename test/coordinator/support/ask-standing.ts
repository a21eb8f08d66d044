import { credentials, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Coordinator } from '../../../src/coordinator/coordinator.ts';
import { decodeStanding } from '../../../src/rpc/codec.ts';
import { services } from '../../../src/rpc/load-proto.ts';
import { HOLDS_OFF_METADATA, type Standing } from '../../../src/rpc/messages.ts';
import { beforeStop } from './fixture.ts';

/** Asks a coordinator for its Standing, as a worker does; rejects with gRPC's error. */
export function askStanding(coordinator: Coordinator): Promise<Standing> {
  const client = new (services().Coordinator)(coordinator.address, credentials.createInsecure());
  beforeStop(() => client.close());
  return new Promise((resolve, reject) => {
    client.Standing({}, (error, reply) => {
      client.close();
      if (error) reject(error);
      else resolve(decodeStanding(reply!));
    });
  });
}

/** Waits until PostgreSQL serves the coordinator; each question makes it renew its lease. */
export async function untilRenewing(coordinator: Coordinator): Promise<void> {
  await expect.poll(() => askStanding(coordinator), { timeout: 30_000 }).toMatchObject({ renewing: true });
}

/** For how long whoever ended a call promised to hold off; `null`: it did not say. */
export function promiseOf({ metadata }: Pick<ServiceError, 'metadata'>): number | null {
  const [said] = metadata.get(HOLDS_OFF_METADATA);
  return said === undefined ? null : Number(said);
}
