import type { Socket } from 'node:net';
import { ChannelCredentials } from '@grpc/grpc-js';
import type { CoordinatorClient } from '../rpc/generated/hydra/v1/Coordinator.ts';
import { CHANNEL_OPTIONS, services } from '../rpc/load-proto.ts';

const DIAL_OPTIONS = {
  ...CHANNEL_OPTIONS,
  // Each client has a connection of its own: when to try again, and where, is the worker's decision.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // A message is taken once it is under way. With a buffer for retries, which is used also without retries, a megabyte
  // counts as taken that waits, and heartbeats wait behind it.
  'grpc.per_rpc_retry_buffer_size': 0,
  // Coordinators are neighbours: no web proxy in between, no TXT records about them.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** How long a connection may take to close when its client is closed; only one whose other end is halted takes it. */
const CLOSE_WITHIN_MS = 1_000;

/** A client with a connection of its own, made at the first call. `address`: `ip:port`, an IPv6 address in brackets. */
export function dial(address: string): CoordinatorClient {
  const { Coordinator } = services();
  return new Coordinator(`dns:${address}`, credentials(), DIAL_OPTIONS);
}

/**
 * Without encryption. When its client is closed, grpc-js waits until the other end of a connection has said something,
 * which one that is halted never does, and a worker asks such a one again and again. So these cut the connection.
 */
function credentials(): ChannelCredentials {
  const insecure = ChannelCredentials.createInsecure();
  const create = insecure._createSecureConnector.bind(insecure);
  insecure._createSecureConnector = (...about) => {
    const connector = create(...about);
    let newest: Socket | null = null;
    let closed = false;
    const cut = () => setTimeout(() => newest?.destroy(), CLOSE_WITHIN_MS).unref();
    return {
      ...connector,
      connect: (socket) => {
        newest = socket;
        if (closed) cut();
        return connector.connect(socket);
      },
      destroy: () => {
        closed = true;
        cut();
      },
    };
  };
  return insecure;
}
