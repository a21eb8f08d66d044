import { once } from 'node:events';
import pg from 'pg';

/** Hears what is notified. */
export class Listening {
  readonly #client: pg.Client;
  readonly #heard: { channel: string; payload: string }[] = [];

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on('notification', ({ channel, payload }) => this.#heard.push({ channel, payload: payload ?? '' }));
  }

  static async on(url: string, ...channels: string[]): Promise<Listening> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (const channel of channels) await client.query(`LISTEN ${channel}`);
    return new Listening(client);
  }

  /** Everything that was committed before this call, and not asked for yet. PostgreSQL keeps the order of commits. */
  async heard(): Promise<{ channel: string; payload: string }[]> {
    await this.#client.query('LISTEN up_to_here');
    await this.#client.query('NOTIFY up_to_here');
    while (!this.#heard.some(({ channel }) => channel === 'up_to_here')) await once(this.#client, 'notification');
    return this.#heard.splice(0).filter(({ channel }) => channel !== 'up_to_here');
  }

  async stop(): Promise<void> {
    await this.#client.end();
  }
}
