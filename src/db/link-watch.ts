import type { Duplex } from 'node:stream';
import pg from 'pg';
import { DeadConnectionError } from './unavailable.ts';

/** How often to look at statements that are not answered. */
const LOOK_MS = 1_000;
/** After so many looks without a byte PostgreSQL is asked about a connection. */
const QUIET_LOOKS = 2;
/** A large statement takes a while to get there; it has one more look for each of so many bytes. */
const BYTES_PER_LOOK = 256 * 1024;
/** So many times in a row it must know nothing of the statement: the first answer may have crossed the statement's. */
const VERDICTS = 2;
/** Longest that asking may take, for connecting and for the answer each. */
const ASK_TIMEOUT_MS = 3_000;

/*
 * Who works. One that waits for us to take what it writes does not reach us. What may not be seen counts as working. The
 * own number tells whether the numbers are PostgreSQL's: a pooler in between makes up its own.
 */
const ASK_SQL = /* sql */ `
  SELECT pg_backend_pid() AS own, ARRAY(
    SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1::int[]) AND wait_event IS DISTINCT FROM 'ClientWrite'
      AND coalesce(state, '') NOT IN ('idle', 'idle in transaction', 'idle in transaction (aborted)')
  ) AS working
`;

interface Link {
  /** When the statement was sent. */
  readonly bytesWritten: number;
  bytesRead: number;
  /** Looks since the last byte came. */
  quiet: number;
  /** How often PostgreSQL has said since then that it does not work on the statement. */
  verdicts: number;
}

export interface LinkWatchOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Others that go the same way are probably dead, too. */
  readonly onDead: () => void;
}

/**
 * Finds connections that are dead and do not say so: packets vanish, or the server went without a word. A statement that
 * is not answered may also just take long. So PostgreSQL is asked, over a new connection, whether it works on it; if it
 * does not, the connection is given up, in about 4 s and whatever a statement may take. If PostgreSQL cannot be asked,
 * nothing is given up.
 */
export class LinkWatch {
  readonly #busy = new Map<pg.Client, Link>();
  #timer: NodeJS.Timeout | null = null;
  #asking = false;

  constructor(private readonly options: LinkWatchOptions) {}

  /** A statement is sent. */
  began(client: pg.Client): void {
    const { bytesRead, bytesWritten } = socketOf(client);
    this.#busy.set(client, { bytesRead, bytesWritten, quiet: 0, verdicts: 0 });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** It is answered, or has failed. */
  ended(client: pg.Client): void {
    this.#busy.delete(client);
  }

  #look(): void {
    if (this.#busy.size === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    const suspects: [pg.Client, Link][] = [];
    for (const [client, link] of this.#busy) {
      const { bytesRead, bytesWritten } = socketOf(client);
      if (bytesRead !== link.bytesRead) Object.assign(link, { bytesRead, quiet: 0, verdicts: 0 });
      else link.quiet += 1;
      const patience = QUIET_LOOKS + (bytesWritten - link.bytesWritten) / BYTES_PER_LOOK;
      if (link.quiet >= patience) suspects.push([client, link]);
    }
    if (suspects.length === 0 || this.#asking) return;
    this.#asking = true;
    void this.#judge(suspects).finally(() => (this.#asking = false));
  }

  async #judge(suspects: readonly (readonly [pg.Client, Link])[]): Promise<void> {
    const working = await this.#ask(suspects.map(([client]) => processIdOf(client)));
    if (working === null) return;
    let dead = false;
    for (const [client, link] of suspects) {
      // Answered meanwhile, or another statement is under way.
      if (this.#busy.get(client) !== link || socketOf(client).bytesRead !== link.bytesRead) continue;
      if (working.has(processIdOf(client))) Object.assign(link, { quiet: 0, verdicts: 0 });
      else link.verdicts += 1;
      if (link.verdicts < VERDICTS) continue;
      dead = true;
      socketOf(client).destroy(new DeadConnectionError());
    }
    if (dead) this.options.onDead();
  }

  /** Which of these server processes work; `null`: nobody knows. */
  async #ask(pids: readonly number[]): Promise<ReadonlySet<number> | null> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: this.options.applicationName,
      connectionTimeoutMillis: ASK_TIMEOUT_MS,
      query_timeout: ASK_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ own: number; working: number[] }>(ASK_SQL, [pids]);
      return rows[0]?.own === processIdOf(client) ? new Set(rows[0].working) : null;
    } catch {
      return null;
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}

/** A TCP or TLS socket. */
function socketOf(client: pg.Client): Duplex & { readonly bytesRead: number; readonly bytesWritten: number } {
  return client.connection.stream as Duplex & { readonly bytesRead: number; readonly bytesWritten: number };
}

/** Of the server's process, as the server told it; not in the types of `pg`. */
function processIdOf(client: pg.Client): number {
  return (client as pg.Client & { readonly processID: number }).processID;
}
