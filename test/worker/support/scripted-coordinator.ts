import { randomUUID } from 'node:crypto';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { OutputPiece } from '../../../src/domain/output.ts';
import { decodeFromWorker, encodeFromCoordinator, encodeStanding } from '../../../src/rpc/codec.ts';
import type { CoordinatorMessage } from '../../../src/rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { StandingReply } from '../../../src/rpc/generated/hydra/v1/StandingReply.ts';
import type { StdinPiece } from '../../../src/rpc/generated/hydra/v1/StdinPiece.ts';
import type { StdinRequest__Output } from '../../../src/rpc/generated/hydra/v1/StdinRequest.ts';
import type { WorkerMessage__Output } from '../../../src/rpc/generated/hydra/v1/WorkerMessage.ts';
import { CHANNEL_OPTIONS, services } from '../../../src/rpc/load-proto.ts';
import {
  HOLDS_OFF_METADATA,
  refKey,
  type Attempt,
  type AttemptRef,
  type FinishedReport,
  type FromCoordinator,
  type FromWorker,
  type Registration,
  type StartedReport,
} from '../../../src/rpc/messages.ts';
import { decodeRef } from '../../../src/rpc/ref-codec.ts';
import { assemble, type Written } from './written.ts';

type Call = ServerDuplexStream<WorkerMessage__Output, CoordinatorMessage>;
/** A Stdin call of a worker, seen from the coordinator's end. */
export type StdinCall = ServerWritableStream<StdinRequest__Output, StdinPiece>;
type Kind = FromWorker['kind'];
type Said<K extends Kind> = Extract<FromWorker, { kind: K }>;

const STDIN_PIECE_BYTES = 64 * 1024;

/** How long a test waits for the worker before it fails and says for what. */
const PATIENCE_MS = 20_000;

/** Values by arrival, awaited by anyone. */
class Arrivals<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  add(value: T): void {
    this.all.push(value);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }

  /** The first thing that `find` returns, now or after some arrival. */
  async until<R>(what: string, find: (all: readonly T[]) => R | undefined): Promise<R> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = find(this.all);
      if (found !== undefined) return found;
      const arrived = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), deadline - Date.now());
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve(true);
        });
      });
      if (!arrived) throw new Error(`waited ${PATIENCE_MS} ms for ${what}; there was ${JSON.stringify(this.all)}`);
    }
  }
}

export interface Terms {
  readonly leaseMs?: number;
  readonly heartbeatIntervalMs?: number;
  readonly superseded?: readonly AttemptRef[];
  readonly outputWindowBytes?: number;
  readonly resultWindow?: number;
}

/** How a scripted coordinator says it stands. */
export type ScriptedStanding =
  | { readonly kind: 'renewing'; readonly sessions: number }
  | { readonly kind: 'holds_off'; readonly holdsOffMs: number }
  /** It stops: UNAVAILABLE, which says the same in its metadata. */
  | { readonly kind: 'unavailable'; readonly holdsOffMs: number }
  | { readonly kind: 'hangs' }
  /** An older version. */
  | { readonly kind: 'unimplemented' };

/** One worker's stream, seen from the coordinator's end; the test says what it does. */
export class ScriptedSession {
  /** How heartbeats are answered; `silent` does not answer. */
  answers: 'renewed' | 'not_renewed' | 'silent' = 'renewed';
  /** What it says with `not_renewed`; 0: nothing, as an older version. Its lease once it has accepted. */
  holdsOffMs = 0;
  /** Whether pieces of output are acknowledged as they come. */
  takesOutput = true;
  /** Resolves when the worker has ended its side, or the stream is gone. */
  readonly gone: Promise<void>;
  readonly #said = new Arrivals<FromWorker>();
  readonly #call: Call;

  constructor(
    call: Call,
    private readonly coordinatorId: string,
  ) {
    this.#call = call;
    this.gone = new Promise((resolve) => {
      call.on('end', resolve);
      call.on('cancelled', resolve);
    });
    call.on('error', () => undefined);
    call.on('data', (wire: WorkerMessage__Output) => {
      const message = decodeFromWorker(wire);
      if (message.kind === 'heartbeat' && this.answers !== 'silent') {
        const renewed = this.answers === 'renewed';
        const holdsOffMs = renewed ? 0 : this.holdsOffMs;
        this.send({ kind: 'heartbeat_ack', sequence: message.sequence, renewed, holdsOffMs, resultWindow: 0 });
      }
      if (message.kind === 'output' && this.takesOutput) {
        const stored = message.chunks.map(({ ref, start }) => ({ ref, start }));
        this.send({ kind: 'output_ack', stored, superseded: [] });
      }
      this.#said.add(message);
    });
  }

  /** The stream was cut rather than ended. */
  get cut(): boolean {
    return this.#call.cancelled;
  }

  /** Everything the worker said, oldest first. */
  get said(): readonly FromWorker[] {
    return this.#said.all;
  }

  /** The `nth` message of a kind, 1 for the first. */
  async heard<K extends Kind>(kind: K, nth = 1): Promise<Said<K>> {
    const isKind = (message: FromWorker): message is Said<K> => message.kind === kind;
    return this.#said.until(`${kind} no. ${nth}`, (all) => all.filter(isKind)[nth - 1]);
  }

  async started(ref: AttemptRef): Promise<StartedReport> {
    return this.#said.until(`the start of ${refKey(ref)}`, (all) =>
      all.flatMap((m) => (m.kind === 'report' ? m.started : [])).find((report) => refKey(report.ref) === refKey(ref)),
    );
  }

  async finished(ref: AttemptRef): Promise<FinishedReport> {
    return this.#said.until(`the end of ${refKey(ref)}`, (all) =>
      all.flatMap((m) => (m.kind === 'report' ? m.finished : [])).find((report) => refKey(report.ref) === refKey(ref)),
    );
  }

  /** Waits for Register and accepts it. */
  async accept(terms: Terms = {}): Promise<Registration> {
    const { registration } = await this.heard('register');
    this.holdsOffMs = terms.leaseMs ?? 30_000;
    this.send({
      kind: 'registered',
      sessionId: '00000000-0000-4000-8000-000000000001',
      coordinatorId: this.coordinatorId,
      leaseMs: terms.leaseMs ?? 30_000,
      heartbeatIntervalMs: terms.heartbeatIntervalMs ?? 5_000,
      superseded: terms.superseded ?? [],
      outputWindowBytes: terms.outputWindowBytes ?? 256 * 1024,
      resultWindow: terms.resultWindow ?? 0,
    });
    return registration;
  }

  send(message: FromCoordinator): void {
    this.#call.write(encodeFromCoordinator(message));
  }

  dispatch(...attempts: readonly Attempt[]): void {
    this.send({ kind: 'dispatch', attempts });
  }

  acknowledge(...recorded: readonly AttemptRef[]): void {
    this.send({ kind: 'acknowledge', recorded, superseded: [] });
  }

  /** What an attempt wrote, as far as it came in this session. */
  written(ref: AttemptRef): Written {
    return assemble(this.pieces(ref));
  }

  /** The same, as it came. */
  pieces(ref: AttemptRef): OutputPiece[] {
    return this.said.flatMap((message): readonly OutputPiece[] => {
      if (message.kind === 'output') return message.chunks.filter((chunk) => refKey(chunk.ref) === refKey(ref));
      if (message.kind !== 'report') return [];
      return message.finished.filter((report) => refKey(report.ref) === refKey(ref)).flatMap(({ output }) => output);
    });
  }

  /** Waits until the attempt has written something that matches, and returns that. */
  async wrote(ref: AttemptRef, pattern: RegExp): Promise<Written> {
    return this.#said.until(`${String(pattern)} of ${refKey(ref)}`, () => {
      const written = this.written(ref);
      return pattern.test(written.text) ? written : undefined;
    });
  }

  /** Dispatches an attempt, waits for its end, acknowledges it and returns it with what it wrote. */
  async runToEnd(attempt: Attempt): Promise<FinishedReport & { readonly written: Written }> {
    const report = await this.run(attempt);
    return { ...report, written: this.written(attempt.ref) };
  }

  /** Dispatches an attempt, waits for its end and acknowledges it. */
  async run(attempt: Attempt): Promise<FinishedReport> {
    this.dispatch(attempt);
    const report = await this.finished(attempt.ref);
    this.acknowledge(attempt.ref);
    return report;
  }

  /** Messages that have come and wait to be read; gRPC keeps 16. */
  get unread(): number {
    return this.#call.readableLength;
  }

  /** Stops or goes on reading what the worker sends. */
  read(on: boolean): void {
    if (on) this.#call.resume();
    else this.#call.pause();
  }

  end(): void {
    this.#call.end();
  }

  /** Ends the stream with a status other than OK. */
  refuse(code: status, details = 'as the test wants it', holdsOffMs: number | null = null): void {
    this.#call.emit('error', { code, details, ...(holdsOffMs === null ? {} : { metadata: holdsOff(holdsOffMs) }) });
  }
}

/** A real gRPC server that speaks the session protocol as the test tells it to. Stopped when the test is over. */
export class ScriptedCoordinator {
  readonly #server: Server;
  readonly #sessions = new Arrivals<ScriptedSession>();
  readonly #stdinCalls = new Arrivals<StdinCall>();
  readonly #questions = new Arrivals<ScriptedStanding>();
  readonly id = randomUUID();
  /** What workers are told that ask how it stands. */
  standing: ScriptedStanding = { kind: 'renewing', sessions: 0 };
  /** What commands read, by task. Those that are not here are answered by the test. */
  readonly stdin = new Map<string, Buffer>();

  private constructor(
    server: Server,
    readonly port: number,
    readonly address: string,
  ) {
    this.#server = server;
    server.addService(services().Coordinator.service, {
      Session: (call: Call) => this.#sessions.add(new ScriptedSession(call, this.id)),
      Standing: (_: ServerUnaryCall<unknown, StandingReply>, answer: sendUnaryData<StandingReply>) => {
        this.#questions.add(this.standing);
        this.#tellStanding(answer);
      },
      Stdin: (call: StdinCall) => {
        this.#stdinCalls.add(call);
        const data = this.stdin.get(decodeRef(call.request.ref).taskId);
        if (data) void sendAll(call, data.subarray(call.request.offset));
      },
    });
  }

  /** Listens on a free port of `host`, or on the given one. */
  static async start(host = '127.0.0.1', port = 0): Promise<ScriptedCoordinator> {
    const server = new Server(CHANNEL_OPTIONS);
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
        error ? reject(error) : resolve(actual),
      );
    });
    const coordinator = new ScriptedCoordinator(server, bound, `${host}:${bound}`);
    onTestFinished(() => coordinator.stop());
    return coordinator;
  }

  /** How many sessions were ever opened. */
  get sessionCount(): number {
    return this.#sessions.all.length;
  }

  /** The `nth` session that was ever opened, 1 for the first. */
  async session(nth = 1): Promise<ScriptedSession> {
    return this.#sessions.until(`session no. ${nth}`, (all) => all[nth - 1]);
  }

  /** The `nth` Stdin call that was ever made, 1 for the first. */
  async stdinCall(nth = 1): Promise<StdinCall> {
    return this.#stdinCalls.until(`Stdin call no. ${nth}`, (all) => all[nth - 1]);
  }

  /** How often it was asked how it stands. */
  get questionCount(): number {
    return this.#questions.all.length;
  }

  /** Waits until it was asked `count` times in all how it stands. */
  async asked(count: number): Promise<void> {
    await this.#questions.until(`question no. ${count}`, (all) => all[count - 1]);
  }

  get stdinCallCount(): number {
    return this.#stdinCalls.all.length;
  }

  /** Cuts every stream and connection. */
  stop(): void {
    this.#server.forceShutdown();
  }

  #tellStanding(answer: sendUnaryData<StandingReply>): void {
    const { standing } = this;
    const common = { coordinatorId: this.id, holdsOffMs: 0, sessions: 0 };
    switch (standing.kind) {
      case 'renewing':
        return answer(null, encodeStanding({ ...common, renewing: true, sessions: standing.sessions }));
      case 'holds_off':
        return answer(null, encodeStanding({ ...common, renewing: false, holdsOffMs: standing.holdsOffMs }));
      case 'unavailable':
        return answer({ code: status.UNAVAILABLE, details: 'it stops', metadata: holdsOff(standing.holdsOffMs) });
      case 'unimplemented':
        return answer({ code: status.UNIMPLEMENTED, details: 'The server does not implement this method' });
      case 'hangs':
        return;
    }
  }
}

function holdsOff(ms: number): Metadata {
  const metadata = new Metadata();
  metadata.set(HOLDS_OFF_METADATA, String(ms));
  return metadata;
}

/** At the pace of the worker. */
async function sendAll(call: StdinCall, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length && !call.cancelled; at += STDIN_PIECE_BYTES) {
    if (call.write({ data: data.subarray(at, at + STDIN_PIECE_BYTES) })) continue;
    await new Promise((resolve) => {
      call.once('drain', resolve);
      call.once('cancelled', resolve);
    });
  }
  call.end();
}
