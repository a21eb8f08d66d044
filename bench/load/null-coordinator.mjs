// A coordinator that does nothing but speak the protocol, in a process of its own: what gRPC, the codec and the null
// workers cost on this machine, and so the most that a coordinator could reach with these streams.
import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { decodeFromWorker, encodeFromCoordinator, encodeStanding } from '../../dist/rpc/codec.js';
import { CHANNEL_OPTIONS, services } from '../../dist/rpc/load-proto.js';

const coordinatorId = randomUUID();
const LEASE_MS = 15_000;
/** Tasks that are still to be sent. */
let left = 0;
const sessions = new Set();

class Session {
  #slots = 0;
  #inFlight = 0;

  constructor(stream) {
    this.stream = stream;
    stream.on('data', (wire) => this.#receive(decodeFromWorker(wire)));
    stream.on('error', () => undefined);
    stream.on('cancelled', () => sessions.delete(this));
  }

  #receive(message) {
    switch (message.kind) {
      case 'register':
        this.#slots = message.registration.slots;
        sessions.add(this);
        this.#send({
          kind: 'registered',
          sessionId: randomUUID(),
          coordinatorId,
          leaseMs: LEASE_MS,
          heartbeatIntervalMs: LEASE_MS / 3,
          superseded: [],
          outputWindowBytes: 256 * 1024,
          resultWindow: 10_000,
        });
        return;
      case 'heartbeat':
        this.#send({
          kind: 'heartbeat_ack',
          sequence: message.sequence,
          renewed: true,
          holdsOffMs: 0,
          resultWindow: 0,
        });
        return;
      case 'report':
        this.#inFlight -= message.finished.length;
        this.#send({ kind: 'acknowledge', recorded: message.finished.map(({ ref }) => ref), superseded: [] });
        this.fill();
    }
  }

  /** Sends as many tasks as there are free slots. */
  fill() {
    const count = Math.min(left, this.#slots - this.#inFlight);
    if (count <= 0) return;
    left -= count;
    this.#inFlight += count;
    const attempts = Array.from({ length: count }, () => ({
      ref: { taskId: randomUUID(), attempt: 1 },
      queue: 'default',
      scheduledAtUs: 1_700_000_000_000_000,
      lateUs: 0,
      run: { command: 'true', argv: null, options: {}, secretEnv: {}, hasStdin: false },
      totalTimeoutLeftMs: null,
    }));
    this.#send({ kind: 'dispatch', attempts });
  }

  #send(message) {
    this.stream.write(encodeFromCoordinator(message));
  }
}

const server = new Server(CHANNEL_OPTIONS);
server.addService(services().Coordinator.service, {
  Session: (stream) => new Session(stream),
  Standing: (_call, answer) =>
    answer(null, encodeStanding({ coordinatorId, renewing: true, holdsOffMs: 0, sessions: sessions.size })),
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send({ address: `127.0.0.1:${port}` });
});
process.on('message', ({ tasks }) => {
  left += tasks;
  for (const session of sessions) session.fill();
});
process.on('disconnect', () => process.exit());
