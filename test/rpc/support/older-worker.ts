import { randomUUID } from 'node:crypto';
import { credentials, type ClientDuplexStream, type ClientReadableStream, type StatusObject } from '@grpc/grpc-js';
import { previousCoordinator } from './previous-wire.ts';

/** As it is on the wire. */
export interface WireRef {
  readonly task_id: string;
  readonly attempt: number;
}

export interface WireRegister {
  readonly worker_id: string;
  readonly instance_id: string;
  readonly slots: number;
  readonly in_hand: readonly { readonly ref: WireRef; readonly started_age_us: number }[];
  readonly draining: boolean;
  readonly ordinal: number;
}

/** What a coordinator of the release before could say, as far as tests read it. */
interface Payloads {
  readonly registered: {
    readonly session_id: string;
    readonly coordinator_id: string;
    readonly lease_ms: number;
    readonly heartbeat_interval_ms: number;
    readonly superseded: readonly WireRef[];
    readonly output_window_bytes: number;
  };
  readonly heartbeat_ack: { readonly sequence: number; readonly renewed: boolean };
  readonly dispatch: { readonly attempts: readonly { readonly ref: WireRef; readonly command: string }[] };
  readonly acknowledge: { readonly recorded: readonly WireRef[]; readonly superseded: readonly WireRef[] };
  readonly stop: { readonly refs: readonly WireRef[] };
  readonly cancel: { readonly refs: readonly WireRef[] };
  readonly drain: { readonly timeout_ms?: number };
  readonly output_ack: { readonly stored: readonly { readonly ref: WireRef; readonly start: number }[] };
}
type Kind = keyof Payloads;

/** Without a payload that is there: something that this wire does not know. */
type FromCoordinator = Partial<Payloads> & { readonly payload?: Kind };

interface Client {
  Session(): ClientDuplexStream<object, FromCoordinator>;
  Stdin(request: object): ClientReadableStream<{ readonly data: Buffer }>;
  close(): void;
}

/**
 * A worker of the release before: what it says and understands is the pinned wire alone. It sends heartbeats as it is
 * told to; all else it says as the test wants it.
 */
export class OlderWorker {
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<object, FromCoordinator>;
  #received: FromCoordinator[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #register: WireRegister;
  #heartbeats: NodeJS.Timeout | undefined;
  #sequence = 0;
  /** How the stream ended. */
  readonly ended: Promise<StatusObject>;

  constructor(address: string, register: Partial<WireRegister> = {}) {
    this.#register = {
      worker_id: `older-${randomUUID().slice(0, 8)}`,
      instance_id: randomUUID(),
      slots: 1,
      in_hand: [],
      draining: false,
      ordinal: 1,
      ...register,
    };
    this.#client = new (previousCoordinator())(address, credentials.createInsecure()) as unknown as Client;
    this.#stream = this.#client.Session();
    this.ended = new Promise((resolve) => this.#stream.on('status', resolve));
    this.#stream.on('error', () => undefined);
    this.#stream.on('data', (message: FromCoordinator) => {
      this.#received.push(message);
      for (const look of this.#waiting) look();
    });
    void this.ended.then(() => clearInterval(this.#heartbeats));
  }

  get id(): string {
    return this.#register.worker_id;
  }

  send(message: Readonly<Record<string, unknown>>): void {
    this.#stream.write(message);
  }

  /** The next message of a kind; those of other kinds stay. */
  async next<K extends Kind>(kind: K): Promise<Payloads[K]> {
    const message = await this.#take(kind, ({ payload }) => payload === kind);
    return message[kind] as Payloads[K];
  }

  /** Waits for something that the wire of the release before does not know, which it can only ignore. */
  async hearsSomethingNew(): Promise<void> {
    await this.#take('something new', ({ payload }) => payload === undefined);
  }

  /** Registers, and from then on sends heartbeats until the stream ends. */
  async register(): Promise<Payloads['registered']> {
    this.send({
      register: { hostname: 'older', labels: {}, queues: ['*'], version: '0.0.1', pid: 1, ...this.#register },
    });
    const registered = await this.next('registered');
    this.#heartbeats = setInterval(() => this.beat(), registered.heartbeat_interval_ms);
    return registered;
  }

  /** Sends a heartbeat ahead of time, and returns its number. */
  beat(): number {
    this.send({ heartbeat: { sequence: ++this.#sequence } });
    return this.#sequence;
  }

  /** The next `count` attempts that it is sent, however they are framed. */
  async attempts(count: number): Promise<WireRef[]> {
    const refs: WireRef[] = [];
    while (refs.length < count) refs.push(...(await this.next('dispatch')).attempts.map(({ ref }) => ref));
    return refs;
  }

  reportStarted(...refs: readonly WireRef[]): void {
    this.send({ report: { started: refs.map((ref) => ({ ref, started_age_us: 100 })) } });
  }

  reportFinished(refs: readonly WireRef[], result: Readonly<Record<string, unknown>> = {}): void {
    const end = { started_age_us: 2_000, ended_age_us: 1_000, reason: 'REASON_EXITED', exit_code: 0, ...result };
    this.send({ report: { finished: refs.map((ref) => ({ ref, ...end })) } });
  }

  /** All that the command of an attempt reads, from `offset` on. */
  async stdin(ref: WireRef, offset: number): Promise<string> {
    const pieces: Buffer[] = [];
    const call = this.#client.Stdin({ ref, offset }) as AsyncIterable<{ readonly data: Buffer }>;
    for await (const { data } of call) pieces.push(data);
    return Buffer.concat(pieces).toString();
  }

  /** Says Goodbye and ends its side of the stream. */
  leave(): void {
    this.send({ goodbye: {} });
    this.#stream.end();
  }

  /** Breaks the connection without a word. */
  vanish(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  /** The same process in a new session. */
  again(address: string, inHand: readonly WireRef[], over: Partial<WireRegister> = {}): OlderWorker {
    return new OlderWorker(address, {
      ...this.#register,
      in_hand: inHand.map((ref) => ({ ref, started_age_us: 1_000_000 })),
      ordinal: this.#register.ordinal + 1,
      ...over,
    });
  }

  #take(what: string, wanted: (message: FromCoordinator) => boolean): Promise<FromCoordinator> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#received.find(wanted);
        if (found === undefined) return false;
        this.#received = this.#received.filter((message) => message !== found);
        this.#waiting.delete(look);
        resolve(found);
        return true;
      };
      if (look()) return;
      this.#waiting.add(look);
      void this.ended.then(({ code, details }) => {
        if (this.#waiting.delete(look)) reject(new Error(`the session ended with ${code} (${details}) before ${what}`));
      });
    });
  }
}
