import { ChannelCredentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { decodeFromCoordinator, encodeFromWorker } from '../rpc/codec.ts';
import type { CoordinatorClient } from '../rpc/generated/hydra/v1/Coordinator.ts';
import type { CoordinatorMessage__Output } from '../rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { WorkerMessage } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import { CHANNEL_OPTIONS, services } from '../rpc/load-proto.ts';
import type { AttemptRef, FromCoordinator, FromWorker, Registration } from '../rpc/messages.ts';
import { encodeRef } from '../rpc/ref-codec.ts';
import type { SessionEnd } from './session-end.ts';
import type { StdinCall } from './stdin-feed.ts';
import { MAX_TIMER_MS } from './timer.ts';

export type Registered = Extract<FromCoordinator, { kind: 'registered' }>;
export type Instruction = Extract<
  FromCoordinator,
  { kind: 'dispatch' | 'acknowledge' | 'stop' | 'cancel' | 'drain' | 'output_ack' }
>;

export interface SessionOptions {
  /** `host:port`; an IPv6 host in brackets. */
  readonly address: string;
  readonly registration: Registration;
  /** Connecting and registering together may take this long. */
  readonly registrationTimeoutMs: number;
  readonly now: () => number;
  /** At most once, and before any other. `sentAtMs`: when Register was sent, by `now`. */
  readonly onRegistered: (registered: Registered, sentAtMs: number) => void;
  /** The heartbeat sent at `sentAtMs` keeps the lease. */
  readonly onRenewed: (sentAtMs: number) => void;
  readonly onInstruction: (instruction: Instruction) => void;
  /** Exactly once, and nothing after it. */
  readonly onEnded: (end: SessionEnd) => void;
}

/** After Goodbye the coordinator has this long to end the stream. */
const GOODBYE_TIMEOUT_MS = 5_000;
/** How much longer than two intervals an acknowledgement may take. */
const SILENCE_SLACK_MS = 1_000;

const DIAL_OPTIONS = {
  ...CHANNEL_OPTIONS,
  // Each session has a connection of its own: when to try again, and where, is the worker's decision.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // Coordinators are neighbours: no web proxy in between, no TXT records about them.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** One Session stream, from its first byte to its last. Made open; it cannot be opened again. */
export class Session {
  readonly #client: CoordinatorClient;
  readonly #stream: ClientDuplexStream<WorkerMessage, CoordinatorMessage__Output>;
  readonly #registerSentAtMs: number;
  /** Stdin calls that are under way; they use the connection of the session and end with it. */
  readonly #calls = new Set<StdinCall>();
  #phase: 'registering' | 'registered' | 'leaving' | 'ended' = 'registering';
  /** Of registering, then of silence, then of the goodbye. */
  #deadline: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #sequence = 0;
  /**
   * How long a heartbeat may go without an answer: a coordinator that falls silent must be left while enough of the
   * lease remains to register with another one.
   */
  #silenceMs = 0;
  /** Heartbeats without an answer, oldest first; few, since silence ends the session. */
  #unanswered: { readonly sequence: number; readonly sentAtMs: number }[] = [];

  constructor(private readonly options: SessionOptions) {
    const { Coordinator } = services();
    this.#client = new Coordinator(`dns:${options.address}`, ChannelCredentials.createInsecure(), DIAL_OPTIONS);
    this.#stream = this.#client.session();
    this.#stream.on('data', (wire: CoordinatorMessage__Output) => this.#receive(decodeFromCoordinator(wire)));
    this.#stream.on('error', () => undefined); // 'status' follows and says the same
    this.#stream.on('status', ({ code, details }) => this.#end({ kind: 'status', code, details }));
    this.#registerSentAtMs = options.now();
    this.send({ kind: 'register', registration: options.registration });
    this.#giveUpAfter(options.registrationTimeoutMs, 'the coordinator does not answer the registration');
  }

  /** `taken` is called once the connection has taken the message, which it does at the pace of the other side. */
  send(message: FromWorker, taken?: () => void): void {
    if (this.#phase === 'leaving' || this.#phase === 'ended') return;
    this.#stream.write(encodeFromWorker(message), () => taken?.());
  }

  /** What the command of an attempt reads, from `offset` on; `null`: the session is not one any more. */
  readStdin(ref: AttemptRef, offset: number): StdinCall | null {
    if (this.#phase !== 'registered') return null;
    const call = this.#client.stdin({ ref: encodeRef(ref), offset });
    this.#calls.add(call);
    call.on('status', () => this.#calls.delete(call));
    return call;
  }

  /** Says Goodbye and waits for the coordinator to end the stream. Nothing is sent or acted on after it. */
  leave(): void {
    this.send({ kind: 'goodbye' });
    this.#phase = 'leaving';
    clearInterval(this.#heartbeat);
    this.#stream.end();
    this.#giveUpAfter(GOODBYE_TIMEOUT_MS, 'the coordinator does not end the stream after Goodbye');
  }

  /** Drops the stream and the connection. */
  giveUp(why: string): void {
    this.#end({ kind: 'given_up', why });
  }

  #receive(message: FromCoordinator): void {
    if (this.#phase === 'registering') {
      if (message.kind === 'registered') this.#registered(message);
      return;
    }
    if (this.#phase !== 'registered') return;
    switch (message.kind) {
      case 'heartbeat_ack':
        this.#answered(message.sequence);
        return;
      case 'dispatch':
      case 'acknowledge':
      case 'stop':
      case 'cancel':
      case 'drain':
      case 'output_ack':
        this.options.onInstruction(message);
        return;
      case 'registered':
      case 'unknown':
        return;
    }
  }

  #registered(message: Registered): void {
    const { leaseMs, heartbeatIntervalMs } = message;
    if (leaseMs < 1 || heartbeatIntervalMs < 1) {
      this.giveUp(`the coordinator gives a lease of ${leaseMs} ms and heartbeats every ${heartbeatIntervalMs} ms`);
      return;
    }
    this.#phase = 'registered';
    clearTimeout(this.#deadline);
    this.#silenceMs = Math.min(2 * heartbeatIntervalMs + SILENCE_SLACK_MS, leaseMs / 3);
    this.#heartbeat = setInterval(() => this.#beat(), Math.min(heartbeatIntervalMs, MAX_TIMER_MS));
    this.options.onRegistered(message, this.#registerSentAtMs);
  }

  #beat(): void {
    this.#sequence += 1;
    this.#unanswered.push({ sequence: this.#sequence, sentAtMs: this.options.now() });
    this.send({ kind: 'heartbeat', sequence: this.#sequence });
    if (this.#unanswered.length === 1) this.#watchForSilence();
  }

  /**
   * An answer covers all heartbeats up to it, and holds from when the newest of them was sent.
   *
   * `renewed` is not looked at: when PostgreSQL could not be reached, the lease was not renewed but cannot be taken by
   * anyone either, so commands go on as if it had been. What this leaves open: a coordinator that alone is cut off
   * from PostgreSQL says the same, while another one may let the lease end.
   */
  #answered(sequence: number): void {
    const covered = this.#unanswered.filter((heartbeat) => heartbeat.sequence <= sequence);
    const newest = covered.at(-1);
    if (!newest) return;
    this.#unanswered = this.#unanswered.slice(covered.length);
    this.#watchForSilence();
    this.options.onRenewed(newest.sentAtMs);
  }

  /** Keepalive notices a dead connection; this notices a coordinator that hangs behind a live one. */
  #watchForSilence(): void {
    clearTimeout(this.#deadline);
    const oldest = this.#unanswered[0];
    if (!oldest) return;
    const leftMs = oldest.sentAtMs + this.#silenceMs - this.options.now();
    this.#giveUpAfter(leftMs, 'the coordinator does not acknowledge heartbeats');
  }

  #giveUpAfter(ms: number, why: string): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.giveUp(why), Math.min(ms, MAX_TIMER_MS));
  }

  #end(end: SessionEnd): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    this.#stream.cancel();
    for (const call of this.#calls) call.cancel();
    this.#client.close();
    this.options.onEnded(end);
  }
}
