import { encodeFromCoordinator } from '../rpc/codec.ts';
import type { CoordinatorMessage } from '../rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { FromCoordinator } from '../rpc/messages.ts';

/** The part of a session's stream that this needs. */
export interface WritableMessages {
  write(message: CoordinatorMessage, taken: () => void): boolean;
  on(event: 'drain', listener: () => void): unknown;
}

/** When so much of what was dispatched waits for the connection, nothing more is. */
const CONGESTED_BYTES = 2 * 1024 * 1024;

export interface OutflowEvents {
  /** The other end does not keep up with reading. */
  readonly onCongested: () => void;
  /** It does again. */
  readonly onRelief: () => void;
}

/**
 * What is sent down a session and how much of it the connection has not taken yet, which it does at the pace of the
 * other end. gRPC itself keeps whatever it is given.
 */
export class Outflow {
  #entries = 0;
  #bytes = 0;
  #blocked = false;
  #congested = false;

  constructor(
    private readonly stream: WritableMessages,
    private readonly events: OutflowEvents,
  ) {
    stream.on('drain', () => {
      this.#blocked = false;
      this.#note();
    });
  }

  /** Nothing that can wait should be sent now. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Messages that the connection has not taken, and what they name. */
  get entries(): number {
    return this.#entries;
  }

  /** So many bytes will be written in this turn of the event loop. */
  announce(bytes: number): void {
    this.#bytes += bytes;
    this.#note();
  }

  /** `announced`: what was told of it beforehand, in bytes. */
  write(message: FromCoordinator, announced: number): void {
    const entries = entriesOf(message);
    this.#entries += entries;
    const taken = () => {
      this.#entries -= entries;
      this.#bytes -= announced;
      this.#note();
    };
    if (!this.stream.write(encodeFromCoordinator(message), taken)) this.#blocked = true;
    this.#note();
  }

  #note(): void {
    const congested = this.#blocked || this.#bytes >= CONGESTED_BYTES;
    if (congested === this.#congested) return;
    this.#congested = congested;
    if (congested) this.events.onCongested();
    else this.events.onRelief();
  }
}

function entriesOf(message: FromCoordinator): number {
  switch (message.kind) {
    case 'dispatch':
      return 1 + message.attempts.length;
    case 'acknowledge':
      return 1 + message.recorded.length + message.superseded.length;
    case 'output_ack':
      return 1 + message.stored.length + message.superseded.length;
    case 'stop':
    case 'cancel':
      return 1 + message.refs.length;
    case 'registered':
    case 'heartbeat_ack':
    case 'drain':
    case 'rebalance':
    case 'unknown':
      return 1;
  }
}
