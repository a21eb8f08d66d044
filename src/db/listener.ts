import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { KEEPALIVES, sessionOptions } from './session-settings.ts';

/** How long to wait before connecting again; doubles from the first to the second. */
const RETRY_MS = { first: 100, most: 5_000 };
/** How often to see whether the connection is alive, since one that only listens would not notice; and for how long. */
const PING = { everyMs: 15_000, timeoutMs: 5_000 };
/** How long a goodbye may take, which the other side has to answer. */
const GOODBYE_MS = 1_000;

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
  #check: () => void = () => undefined;

  constructor(private readonly options: ListenerOptions) {}

  /** Begins to connect. Does not wait for PostgreSQL. */
  start(): Promise<void> {
    this.#connecting = this.#connect();
    return Promise.resolve();
  }

  /** Sees at once whether the connection is alive, for instance since another to the same server was found dead. */
  check(): void {
    this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#connecting;
    const client = this.#client;
    if (client === null) return;
    await Promise.race([client.end().catch(() => undefined), delay(GOODBYE_MS, undefined, { ref: false })]);
    client.connection.stream.destroy();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: this.options.applicationName,
      connectionTimeoutMillis: PING.timeoutMs,
      query_timeout: PING.timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: PING.timeoutMs,
      options: sessionOptions(KEEPALIVES),
    });
    let failed = false;
    const check = () => {
      if (this.#client === client) client.query('SELECT').catch(fail);
    };
    const ping = setInterval(check, PING.everyMs);
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
    this.#check = check;
    this.#retryMs = RETRY_MS.first;
    if (!this.#stopped) this.options.onListening();
  }
}
