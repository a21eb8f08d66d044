import type { ClientDuplexStream } from '@grpc/grpc-js';
import { decodeFromCoordinator, encodeFromWorker } from '../rpc/codec.ts';
import type { CoordinatorClient } from '../rpc/generated/hydra/v1/Coordinator.ts';
import type { CoordinatorMessage__Output } from '../rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { WorkerMessage } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import type { AttemptRef, FromCoordinator, FromWorker, Registration } from '../rpc/messages.ts';
import { encodeRef } from '../rpc/ref-codec.ts';
import { dial } from './dial.ts';
import type { SessionEnd } from './session-end.ts';
import type { StdinCall } from './stdin-feed.ts';
import { MAX_TIMER_MS } from './timer.ts';

export type Registered = Extract<FromCoordinator, { kind: 'registered' }>;
export type HeartbeatAck = Extract<FromCoordinator, { kind: 'heartbeat_ack' }>;
export type Instruction = Extract<
  FromCoordinator,
  { kind: 'dispatch' | 'acknowledge' | 'stop' | 'cancel' | 'drain' | 'output_ack' }
>;

export interface SessionOptions {
  /** `ip:port`; an IPv6 address in brackets. */
  readonly address: string;
  readonly registration: Registration;
  /** Connecting and registering together may take this long. */
  readonly registrationTimeoutMs: number;
  readonly now: () => number;
  /** At most once, and before any other. `sentAtMs`: when Register was sent, by `now`. */
  readonly onRegistered: (registered: Registered, sentAtMs: number) => void;
  /** The newest heartbeat that it answers was sent at `sentAtMs`. */
  readonly onAck: (ack: HeartbeatAck, sentAtMs: number) => void;
  /** From now on so many results may be sent and not acknowledged. */
  readonly onResultWindow: (count: number) => void;
  readonly onInstruction: (instruction: Instruction) => void;
  /** The coordinator has more workers than others. */
  readonly onRebalance: () => void;
  /** Exactly once, and nothing after it. */
  readonly onEnded: (end: SessionEnd) => void;
}

/** After Goodbye the coordinator has this long to end the stream. */
const GOODBYE_TIMEOUT_MS = 5_000;
/** How much longer than two intervals an acknowledgement may take. */
const SILENCE_SLACK_MS = 1_000;

/** A heartbeat that was sent. */
interface Beat {
  readonly sequence: number;
  readonly sentAtMs: number;
}

/** One Session stream, from its first byte to its last. Made open; it cannot be opened again. */
export class Session {
  readonly #client: CoordinatorClient;
  readonly #stream: ClientDuplexStream<WorkerMessage, CoordinatorMessage__Output>;
  readonly #registerSentAtMs: number;
  /** When the newest message was sent that has an answer; Register counts as answered, so that there is one. */
  #answeredSentAtMs: number;
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
  #unanswered: Beat[] = [];
  /** Those of the last lease that were answered as not renewed, oldest first: they may be renewed yet. */
  #notRenewed: Beat[] = [];
  #leaseMs = 0;

  constructor(private readonly options: SessionOptions) {
    this.#client = dial(options.address);
    this.#registerSentAtMs = this.#answeredSentAtMs = options.now();
    this.#stream = this.#client.session();
    this.#stream.on('data', (wire: CoordinatorMessage__Output) => this.#receive(decodeFromCoordinator(wire)));
    this.#stream.on('error', () => undefined); // 'status' follows and says the same
    this.#stream.on('status', ({ code, details, metadata }) => {
      this.#end({ kind: 'status', code, details, metadata, askedAtMs: this.#answeredSentAtMs });
    });
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
        if (message.resultWindow > 0) this.options.onResultWindow(message.resultWindow);
        this.#acknowledged(message);
        return;
      case 'dispatch':
      case 'acknowledge':
      case 'stop':
      case 'cancel':
      case 'drain':
      case 'output_ack':
        this.options.onInstruction(message);
        return;
      case 'rebalance':
        this.options.onRebalance();
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
    this.#leaseMs = leaseMs;
    this.#forgetDeadline();
    this.#silenceMs = Math.min(2 * heartbeatIntervalMs + SILENCE_SLACK_MS, leaseMs / 3);
    this.#heartbeat = setInterval(() => this.#beat(), Math.min(heartbeatIntervalMs, MAX_TIMER_MS));
    // The lease counts from Register. When the answer took long, little may be left of it after a whole interval.
    if (this.options.now() - this.#registerSentAtMs > heartbeatIntervalMs / 2) this.#beat();
    this.options.onRegistered(message, this.#registerSentAtMs);
  }

  #beat(): void {
    this.#sequence += 1;
    this.#unanswered.push({ sequence: this.#sequence, sentAtMs: this.options.now() });
    this.send({ kind: 'heartbeat', sequence: this.#sequence });
    if (this.#unanswered.length === 1) this.#watchForSilence();
  }

  /**
   * An answer covers all heartbeats up to it, and what it says holds from when the newest of them was sent. One that
   * could not be renewed is answered at once, and again when the coordinator has renewed it after all.
   */
  #acknowledged(ack: HeartbeatAck): void {
    const isCovered = ({ sequence }: Beat) => sequence <= ack.sequence;
    const covered = this.#unanswered.filter(isCovered);
    const newest = covered.at(-1) ?? (ack.renewed ? this.#notRenewed.filter(isCovered).at(-1) : undefined);
    if (!newest) return;
    this.#unanswered = this.#unanswered.slice(covered.length);
    const left = this.#notRenewed.filter(({ sentAtMs }) => this.options.now() - sentAtMs < this.#leaseMs);
    this.#notRenewed = ack.renewed ? left.filter((beat) => !isCovered(beat)) : [...left, ...covered];
    this.#watchForSilence();
    this.#answeredSentAtMs = Math.max(this.#answeredSentAtMs, newest.sentAtMs);
    this.options.onAck(ack, newest.sentAtMs);
  }

  /** Keepalive notices a dead connection; this notices a coordinator that hangs behind a live one. */
  #watchForSilence(): void {
    this.#forgetDeadline();
    const oldest = this.#unanswered[0];
    if (!oldest) return;
    const leftMs = oldest.sentAtMs + this.#silenceMs - this.options.now();
    this.#giveUpAfter(leftMs, 'the coordinator does not acknowledge heartbeats');
  }

  /** This process may have been halted itself: what has come by then is read first. */
  #giveUpAfter(ms: number, why: string): void {
    this.#forgetDeadline();
    const giveUp = () => {
      if (this.#deadline === timer) this.giveUp(why);
    };
    const timer = setTimeout(() => setImmediate(giveUp), Math.min(ms, MAX_TIMER_MS));
    this.#deadline = timer;
  }

  #forgetDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  #end(end: SessionEnd): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#forgetDeadline();
    clearInterval(this.#heartbeat);
    this.#stream.cancel();
    for (const call of this.#calls) call.cancel();
    this.#client.close();
    this.options.onEnded(end);
  }
}
