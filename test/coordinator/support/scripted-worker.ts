import { randomUUID } from 'node:crypto';
import { credentials, type ClientDuplexStream, type ClientReadableStream, type StatusObject } from '@grpc/grpc-js';
import type { OutputPiece } from '../../../src/domain/output.ts';
import type { AttemptResult } from '../../../src/domain/task-state.ts';
import { decodeFromCoordinator, encodeFromWorker } from '../../../src/rpc/codec.ts';
import type { CoordinatorMessage__Output } from '../../../src/rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { StdinPiece__Output } from '../../../src/rpc/generated/hydra/v1/StdinPiece.ts';
import type { WorkerMessage } from '../../../src/rpc/generated/hydra/v1/WorkerMessage.ts';
import { services } from '../../../src/rpc/load-proto.ts';
import type {
  Attempt,
  AttemptInHand,
  AttemptRef,
  FinishedReport,
  FromCoordinator,
  FromWorker,
  Registration,
} from '../../../src/rpc/messages.ts';
import { encodeRef } from '../../../src/rpc/ref-codec.ts';

type Kind = FromCoordinator['kind'];
type Of<K extends Kind> = Extract<FromCoordinator, { kind: K }>;

/** How an attempt ended, where a test does not say. */
const EXITED: AttemptResult = { reason: 'exited', exitCode: 0, signal: null, error: null };

/** All that a command wrote, on its standard output. */
export function written(text: string): OutputPiece {
  const data = Buffer.from(text);
  return { start: 0, data, segments: [data.length], stdoutEnd: data.length, stderrEnd: 0, replacesFrom: null };
}

/** Speaks the worker's side of the real protocol, word by word as a test tells it to. */
export class ScriptedWorker {
  readonly #client;
  readonly #stream: ClientDuplexStream<WorkerMessage, CoordinatorMessage__Output>;
  readonly #received: FromCoordinator[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #heard: Kind[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** How the coordinator ended the stream. */
  readonly ended: Promise<StatusObject>;
  readonly registration: Registration;

  constructor(address: string, registration: Partial<Registration> = {}) {
    this.registration = {
      workerId: `scripted-${randomUUID().slice(0, 8)}`,
      instanceId: randomUUID(),
      hostname: 'test',
      slots: 1,
      labels: {},
      queues: ['*'],
      version: 'test',
      pid: process.pid,
      inHand: [],
      draining: false,
      ordinal: 1,
      ...registration,
    };
    this.#client = new (services().Coordinator)(address, credentials.createInsecure());
    this.#stream = this.#client.Session();
    this.ended = new Promise((resolve) => this.#stream.on('status', resolve));
    this.#stream.on('error', () => undefined);
    this.#stream.on('data', (wire: CoordinatorMessage__Output) => {
      const message = decodeFromCoordinator(wire);
      this.#received.push(message);
      this.#heard.push(message.kind);
      for (const look of this.#waiting) look();
    });
  }

  send(message: FromWorker): void {
    this.#stream.write(encodeFromWorker(message));
  }

  /** The next message of a kind; those of other kinds stay. */
  next<K extends Kind>(kind: K): Promise<Of<K>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = this.#received.findIndex((message) => message.kind === kind);
        if (at < 0) return false;
        this.#waiting.delete(look);
        resolve(this.#received.splice(at, 1)[0] as Of<K>);
        return true;
      };
      if (look()) return;
      this.#waiting.add(look);
      void this.ended.then(({ code, details }) => {
        if (this.#waiting.delete(look))
          reject(new Error(`the session ended with ${code} (${details}) before ${kind} came`));
      });
    });
  }

  /** The next answer to a heartbeat that says whether the lease was renewed as wanted. */
  async heartbeatAck(renewed: boolean): Promise<Of<'heartbeat_ack'>> {
    for (;;) {
      const ack = await this.next('heartbeat_ack');
      if (ack.renewed === renewed) return ack;
    }
  }

  /** The kinds of all messages that have come, in their order. */
  get heard(): readonly Kind[] {
    return this.#heard;
  }

  /** Messages of a kind that have come and were not taken. */
  pending<K extends Kind>(kind: K): Of<K>[] {
    return this.#received.filter((message): message is Of<K> => message.kind === kind);
  }

  /** Registers, and from then on sends heartbeats until the stream ends. */
  async register(): Promise<Of<'registered'>> {
    this.send({ kind: 'register', registration: this.registration });
    const registered = await this.next('registered');
    this.#beat();
    return registered;
  }

  /** Stays connected, and takes nothing that comes, until {@link readOn}. */
  stopReading(): void {
    this.#stream.pause();
  }

  readOn(): void {
    this.#stream.resume();
  }

  /** Stays connected and sends no more heartbeats, as a process that hangs. */
  hang(): void {
    clearInterval(this.#timer);
  }

  /** The next `count` attempts it is sent, however they are framed. */
  async attempts(count: number): Promise<Attempt[]> {
    const attempts: Attempt[] = [];
    while (attempts.length < count) attempts.push(...(await this.next('dispatch')).attempts);
    return attempts;
  }

  reportStarted(...refs: AttemptRef[]): void {
    this.send({ kind: 'report', started: refs.map((ref) => ({ ref, startedAgeUs: 100 })), finished: [] });
  }

  reportFinished(ref: AttemptRef, exitCode = 0, stdout = ''): void {
    this.reportEnd(ref, { exitCode }, stdout === '' ? [] : [written(stdout)]);
  }

  /** Reports an end of any kind, such as that of a command that was cancelled. */
  reportEnd(ref: AttemptRef, result: Partial<AttemptResult>, output: readonly OutputPiece[] = []): void {
    const report: FinishedReport = {
      ref,
      startedAgeUs: 2_000,
      endedAgeUs: 1_000,
      result: { ...EXITED, ...result },
      output,
      usage: { cpuMs: 5, peakMemoryBytes: 1_000_000 },
    };
    this.send({ kind: 'report', started: [], finished: [report] });
  }

  /** What the command of an attempt reads; the test reads it from the stream. */
  stdin(ref: AttemptRef, offset = 0): ClientReadableStream<StdinPiece__Output> {
    return this.#client.Stdin({ ref: encodeRef(ref), offset });
  }

  #beat(): void {
    let sequence = 0;
    this.#timer = setInterval(() => this.send({ kind: 'heartbeat', sequence: ++sequence }), 200);
    void this.ended.then(() => clearInterval(this.#timer));
  }

  /** Says Goodbye and ends its side of the stream, as a worker does that leaves. */
  leave(): void {
    this.send({ kind: 'goodbye' });
    this.#stream.end();
  }

  /** Breaks the connection without a word. */
  vanish(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  /** The same process, in a new session. */
  again(address: string, inHand: readonly AttemptInHand[], over: Partial<Registration> = {}): ScriptedWorker {
    return new ScriptedWorker(address, {
      ...this.registration,
      inHand,
      ordinal: this.registration.ordinal + 1,
      ...over,
    });
  }
}
