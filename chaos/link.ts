import { connect, createServer, type Server, type Socket } from 'node:net';
import { Pipe, type Slowness } from './pipe.ts';
import { resetSocket } from './reset-socket.ts';

/** What a link does with what goes through it. */
export type LinkFault =
  /** Nobody listens, and what was connected is reset. */
  | { readonly kind: 'refuse' }
  /** Sockets stay open and new ones are accepted, but whatever is sent is lost, for good. */
  | { readonly kind: 'half-open'; readonly afterwards: 'reset' | 'stay dead' }
  /** Nothing arrives, in one direction or both, until the link is mended; then all of it does, late. */
  | { readonly kind: 'stall'; readonly direction: 'both' | 'to the server' | 'to the client' }
  | { readonly kind: 'slow'; readonly slowness: Slowness };

interface Connection {
  readonly client: Socket;
  /** `null`: accepted while half-open, and never passed on. */
  readonly server: Socket | null;
  readonly pipes: { readonly toServer: Pipe; readonly toClient: Pipe } | null;
  dead: boolean;
}

/** How often it is looked whether the target listens again. */
const PROBE_MS = 20;

/**
 * A TCP proxy between two parts. It listens when its target does, so that a part that is gone refuses connections as it
 * would without the link.
 */
export class Link {
  readonly #connections = new Set<Connection>();
  #listener: Server | null = null;
  #fault: LinkFault | null = null;
  #targetListens = false;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    /** Such as `worker-1→coordinator-2`. */
    readonly name: string,
    /** Where it listens, on 127.0.0.1. */
    readonly port: number,
    readonly targetPort: number,
  ) {}

  /** Listens as soon as the target does. */
  open(): void {
    this.#lookForTarget();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
    this.#stopListening();
    this.#resetAll();
  }

  /** Ends what is connected, at once. What connects next goes through. */
  cut(): void {
    this.#resetAll();
  }

  /** Replaces the fault that there was. */
  break(fault: LinkFault): void {
    this.mend();
    this.#fault = fault;
    if (fault.kind === 'refuse') {
      this.#stopListening();
      this.#resetAll();
      return;
    }
    for (const connection of this.#connections) this.#apply(fault, connection);
  }

  mend(): void {
    const fault = this.#fault;
    this.#fault = null;
    for (const connection of [...this.#connections]) {
      const { pipes, dead, server } = connection;
      pipes?.toServer.hold(false);
      pipes?.toClient.hold(false);
      pipes?.toServer.slowDown(null);
      pipes?.toClient.slowDown(null);
      const lingers = fault?.kind === 'half-open' && fault.afterwards === 'stay dead' && server !== null;
      if (dead && !lingers) reset(connection);
    }
    if (this.#targetListens) this.#listen();
  }

  /** The process behind it has ended. */
  targetGone(): void {
    if (!this.#targetListens) return;
    this.#targetListens = false;
    this.#stopListening();
    this.#lookForTarget();
  }

  #lookForTarget(): void {
    clearTimeout(this.#probe);
    if (this.#closed) return;
    const again = () => (this.#probe = setTimeout(() => this.#lookForTarget(), PROBE_MS));
    const socket = connect(this.targetPort, '127.0.0.1');
    socket.once('error', again);
    socket.once('connect', () => {
      socket.destroy();
      if (this.#closed) return;
      this.#targetListens = true;
      this.#listen();
    });
  }

  #listen(): void {
    if (this.#listener !== null || this.#closed || this.#fault?.kind === 'refuse') return;
    const listener = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
    this.#listener = listener;
    listener.once('error', () => {
      // Somebody else has the port for a moment.
      if (this.#listener !== listener) return;
      this.#listener = null;
      this.#probe = setTimeout(() => this.#lookForTarget(), PROBE_MS);
    });
    listener.listen(this.port, '127.0.0.1');
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  #resetAll(): void {
    for (const connection of [...this.#connections]) reset(connection);
  }

  #join(client: Socket): void {
    client.on('error', () => undefined);
    const fault = this.#fault;
    if (fault?.kind === 'half-open') {
      client.resume();
      this.#keep({ client, server: null, pipes: null, dead: true });
      return;
    }
    const server = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true });
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') this.targetGone();
    });
    const pipes = { toServer: new Pipe(client, server), toClient: new Pipe(server, client) };
    const connection = { client, server, pipes, dead: false };
    this.#keep(connection);
    if (fault !== null) this.#apply(fault, connection);
  }

  #keep(connection: Connection): void {
    const { client, server } = connection;
    this.#connections.add(connection);
    const over = () => {
      // The network works again, so that what one end of a dead connection does reaches the other.
      if (connection.dead && this.#fault === null) reset(connection);
      if (client.destroyed && server?.destroyed !== false) this.#connections.delete(connection);
    };
    for (const socket of [client, server]) socket?.once('end', over).once('close', over);
  }

  #apply(fault: LinkFault, connection: Connection): void {
    const { pipes } = connection;
    switch (fault.kind) {
      case 'refuse':
        return;
      case 'half-open':
        connection.dead = true;
        pipes?.toServer.swallow();
        pipes?.toClient.swallow();
        return;
      case 'stall':
        pipes?.toServer.hold(fault.direction !== 'to the client');
        pipes?.toClient.hold(fault.direction !== 'to the server');
        return;
      case 'slow':
        pipes?.toServer.slowDown(fault.slowness);
        pipes?.toClient.slowDown(fault.slowness);
        return;
    }
  }
}

function reset({ client, server }: Connection): void {
  resetSocket(client);
  if (server !== null) resetSocket(server);
}
