import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials, type ServerDuplexStream, type status } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { WireRef, WireRegister } from './older-worker.ts';
import { previousCoordinator } from './previous-wire.ts';

interface WireFinished {
  readonly ref: WireRef;
  readonly reason: string;
  readonly exit_code?: number;
  readonly output: readonly { readonly data: Buffer }[];
}

/** What a worker says, as far as tests read it. */
interface FromWorker {
  readonly register?: WireRegister;
  readonly heartbeat?: { readonly sequence: number };
  readonly report?: {
    readonly started: readonly { readonly ref: WireRef }[];
    readonly finished: readonly WireFinished[];
  };
  readonly output?: {
    readonly chunks: readonly { readonly ref: WireRef; readonly start: number; readonly data: Buffer }[];
  };
  readonly draining?: object;
  readonly goodbye?: object;
}

type Stream = ServerDuplexStream<FromWorker, object>;

/** How long a test waits for the worker before it fails and says for what. */
const PATIENCE_MS = 20_000;

/** Told whenever something has come. */
class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    for (const look of this.#waiting) look();
  }

  /** The first thing that `find` returns, now or later. */
  async until<T>(what: string, find: () => T | undefined): Promise<T> {
    const found = find();
    if (found !== undefined) return found;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`));
      }, PATIENCE_MS);
      const look = () => {
        const late = find();
        if (late === undefined) return;
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve(late);
      };
      this.#waiting.add(look);
    });
  }
}

/** One worker's stream at a coordinator of the release before. */
export class OlderSession {
  /** How heartbeats are answered. */
  renewed = true;
  /** When the worker has ended its side, or the stream is gone. */
  readonly gone: Promise<void>;
  readonly #said: FromWorker[] = [];
  readonly #bell = new Bell();

  constructor(
    private readonly stream: Stream,
    private readonly leaseMs: number,
  ) {
    this.gone = new Promise((resolve) => {
      stream.on('end', resolve);
      stream.on('cancelled', resolve);
    });
    stream.on('error', () => undefined);
    stream.on('data', (message: FromWorker) => {
      if (message.heartbeat) {
        this.send({ heartbeat_ack: { sequence: message.heartbeat.sequence, renewed: this.renewed } });
      }
      if (message.output) {
        this.send({ output_ack: { stored: message.output.chunks.map(({ ref, start }) => ({ ref, start })) } });
      }
      this.#said.push(message);
      this.#bell.ring();
    });
  }

  get heartbeats(): number {
    return this.#said.filter(({ heartbeat }) => heartbeat !== undefined).length;
  }

  send(message: Readonly<Record<string, unknown>>): void {
    this.stream.write(message);
  }

  /** Waits for Register and accepts it. */
  async accept(): Promise<WireRegister> {
    const register = await this.said('register');
    this.send({
      registered: {
        session_id: randomUUID(),
        coordinator_id: randomUUID(),
        lease_ms: this.leaseMs,
        heartbeat_interval_ms: Math.floor(this.leaseMs / 3),
        superseded: [],
        output_window_bytes: 256 * 1024,
      },
    });
    return register;
  }

  /** The first message of a kind. */
  said<K extends keyof FromWorker>(kind: K): Promise<NonNullable<FromWorker[K]>> {
    return this.#bell.until(
      kind,
      () => this.#said.find((message) => message[kind])?.[kind] as FromWorker[K],
    ) as Promise<NonNullable<FromWorker[K]>>;
  }

  /** Waits for so many more heartbeats. */
  async beats(count: number): Promise<void> {
    const wanted = this.heartbeats + count;
    await this.#bell.until(`heartbeat no. ${wanted}`, () => (this.heartbeats >= wanted ? true : undefined));
  }

  /** Sends a task to be run. */
  dispatch(command: string): WireRef {
    const ref = { task_id: randomUUID(), attempt: 1 };
    const attempt = { ref, command, queue: 'default', scheduled_at_us: Date.now() * 1_000, options: {}, late_us: 0 };
    this.send({ dispatch: { attempts: [attempt] } });
    return ref;
  }

  started(ref: WireRef): Promise<unknown> {
    return this.#bell.until(`the start of ${ref.task_id}`, () =>
      this.#said.flatMap(({ report }) => report?.started ?? []).find((start) => start.ref.task_id === ref.task_id),
    );
  }

  finished(ref: WireRef): Promise<WireFinished> {
    return this.#bell.until(`the end of ${ref.task_id}`, () =>
      this.ends.find((end) => end.ref.task_id === ref.task_id),
    );
  }

  /** All results that have come. */
  get ends(): WireFinished[] {
    return this.#said.flatMap(({ report }) => report?.finished ?? []);
  }

  acknowledge(...recorded: readonly WireRef[]): void {
    this.send({ acknowledge: { recorded } });
  }

  /** What an attempt wrote, as far as it has come. */
  written(ref: WireRef): string {
    const sent = this.#said.flatMap(({ output }) => output?.chunks ?? []).filter((c) => c.ref.task_id === ref.task_id);
    const last = this.ends.filter((end) => end.ref.task_id === ref.task_id).flatMap(({ output }) => output);
    return Buffer.concat([...sent, ...last].map(({ data }) => data)).toString();
  }

  async wrote(ref: WireRef, text: string): Promise<void> {
    await this.#bell.until(text, () => (this.written(ref).includes(text) ? true : undefined));
  }

  end(): void {
    this.stream.end();
  }

  /** Ends the stream with a status other than OK, and nothing in the trailing metadata. */
  refuse(code: status, details: string): void {
    this.stream.emit('error', { code, details });
  }
}

/**
 * A coordinator of the release before: a real gRPC server that knows the pinned wire alone, and so neither Standing nor
 * windows of results nor how long it holds off. Stopped when the test is over.
 */
export class OlderCoordinator {
  readonly #sessions: OlderSession[] = [];
  readonly #bell = new Bell();
  readonly #server: Server;

  private constructor(
    server: Server,
    readonly address: string,
    leaseMs: number,
  ) {
    this.#server = server;
    server.addService(previousCoordinator().service, {
      Session: (stream: Stream) => {
        this.#sessions.push(new OlderSession(stream, leaseMs));
        this.#bell.ring();
      },
      Stdin: () => undefined,
    });
  }

  static async start(leaseMs = 30_000): Promise<OlderCoordinator> {
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const coordinator = new OlderCoordinator(server, `127.0.0.1:${port}`, leaseMs);
    onTestFinished(() => coordinator.stop());
    return coordinator;
  }

  /** The `nth` session that was ever opened, 1 for the first. */
  session(nth = 1): Promise<OlderSession> {
    return this.#bell.until(`session no. ${nth}`, () => this.#sessions[nth - 1]);
  }

  /** Cuts every stream and connection. */
  stop(): void {
    this.#server.forceShutdown();
  }
}
