import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as DebugProto } from './generated/debug.ts';
import type { ProtoGrpcType as SessionProto } from './generated/session.ts';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));

/** How messages look in JavaScript; scripts/generate.mjs makes the types with the same options. */
const OPTIONS: Options = {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
  includeDirs: [PROTO_ROOT],
};

let loaded: PackageDefinition | undefined;

/** The definitions of proto/, loaded once a process. Also what server reflection serves. */
export function protoDefinition(): PackageDefinition {
  return (loaded ??= loadSync(['hydra/v1/session.proto', 'hydra/v1/debug.proto'], OPTIONS));
}

/** The services of proto/ as grpc-js wants them. */
export function services() {
  const proto = loadPackageDefinition(protoDefinition()) as unknown as SessionProto & DebugProto;
  return proto.hydra.v1;
}

/** Largest message either side accepts: a report is cut into frames well below this. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Channel options of both ends: notice a peer that vanished without closing the connection. */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
} as const;
