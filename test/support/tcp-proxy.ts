import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and PostgreSQL, to break what goes through at a chosen moment. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Looks at what clients send; `true` breaks the connection when the answer to it comes. */
  #breakAnswerTo: ((sent: string) => boolean) | null = null;
  /** The same; `true` holds the answer back until it is let go. */
  #holdAnswerTo: ((sent: string) => boolean) | null = null;
  #held: Socket | null = null;
  /** The same; `true` holds back what was sent, before PostgreSQL gets it. */
  #holdBack: ((sent: string, letGo: () => void) => boolean) | null = null;
  #watcher: ((sent: string) => void) | null = null;

  constructor(private readonly target: URL) {
    this.#server = createServer((client) => this.#join(client));
  }

  /** Listens, and returns the target's URL by way of the proxy. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** PostgreSQL gets the first thing sent that `matches`, and the connection breaks instead of its answer. */
  loseAnswerTo(matches: (sent: string) => boolean): void {
    this.#breakAnswerTo = matches;
  }

  /** PostgreSQL gets the first thing sent that `matches`; its answer waits for {@link letGo}. */
  holdAnswerTo(matches: (sent: string) => boolean): void {
    this.#holdAnswerTo = matches;
  }

  /** The first thing sent that `matches` does not reach PostgreSQL. Once it is held: what lets it go. */
  holdBack(matches: (sent: string) => boolean): Promise<() => void> {
    return new Promise((resolve) => {
      this.#holdBack = (sent, letGo) => {
        if (!matches(sent)) return false;
        resolve(letGo);
        return true;
      };
    });
  }

  /** Shows all that clients send. */
  watch(watcher: (sent: string) => void): void {
    this.#watcher = watcher;
  }

  letGo(): void {
    this.#held?.resume();
    this.#held = null;
  }

  #join(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    let broken = false;
    const close = () => {
      for (const socket of [client, server]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', close);
      socket.on('close', close);
    }
    client.on('data', (chunk) => {
      this.#watcher?.(chunk.toString('latin1'));
      if (this.#breakAnswerTo?.(chunk.toString('latin1')) === true) {
        this.#breakAnswerTo = null;
        broken = true;
      }
      if (this.#holdAnswerTo?.(chunk.toString('latin1')) === true) {
        this.#holdAnswerTo = null;
        this.#held = server.pause();
      }
      const letGo = () => {
        server.write(chunk);
        client.resume();
      };
      if (this.#holdBack?.(chunk.toString('latin1'), letGo) === true) {
        this.#holdBack = null;
        client.pause();
        return;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (broken) close();
      else client.write(chunk);
    });
  }
}
