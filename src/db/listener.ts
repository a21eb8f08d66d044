import pg from 'pg';

/** How long to wait before connecting again; doubles from the first to the second. */
const RETRY_MS = { first: 100, most: 5_000 };
/** How often to see whether the connection is alive, since one that only listens would not notice; and for how long. */
const PING = { everyMs: 15_000, timeoutMs: 5_000 };

export interface ListenerOptions {
  readonly url: string;
  readonly applicationName: string;
  /** What to do with the payload, by channel. */
  readonly handlers: Readonly<Record<string, (payload: string) => void>>;
  /** Called each time it listens anew: what was said in between was missed. */
  readonly onListening: () => void;
  readonly onError: (error: unknown) => void;
}

/** A connection that listens for notifications and comes back by itself when it breaks. */
export class Listener {
  #client: pg.Client | null = null;
  #retry: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MS.first;
  #connecting: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly options: ListenerOptions) {}

  /** Begins to connect. Does not wait for PostgreSQL. */
  start(): Promise<void> {
    this.#connecting = this.#connect();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#connecting;
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: this.options.applicationName,
      connectionTimeoutMillis: PING.timeoutMs,
      query_timeout: PING.timeoutMs,
      keepAlive: true,
    });
    let failed = false;
    const ping = setInterval(() => {
      if (this.#client === client) client.query('SELECT').catch(fail);
    }, PING.everyMs);
    const fail = (error: unknown) => {
      if (failed) return;
      failed = true;
      clearInterval(ping);
      this.#client = null;
      client.removeAllListeners('notification');
      void client.end().catch(() => undefined);
      if (this.#stopped) return;
      this.options.onError(error);
      this.#retry = setTimeout(
        () => {
          this.#connecting = this.#connect();
        },
        this.#retryMs * (0.5 + Math.random()),
      );
      this.#retryMs = Math.min(RETRY_MS.most, this.#retryMs * 2);
    };
    client.on('error', fail);
    client.on('end', () => fail(new Error('the connection was closed')));
    client.on('notification', ({ channel, payload }) => this.options.handlers[channel]?.(payload ?? ''));
    try {
      await client.connect();
      for (const channel of Object.keys(this.options.handlers)) await client.query(`LISTEN ${channel}`);
    } catch (error) {
      fail(error);
      return;
    }
    this.#client = client;
    this.#retryMs = RETRY_MS.first;
    if (!this.#stopped) this.options.onListening();
  }
}
