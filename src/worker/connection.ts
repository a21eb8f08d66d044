import type { Logger } from '../runtime/logger.ts';
import type { AttemptRef, FromWorker, Registration } from '../rpc/messages.ts';
import { transition, type ConnectionEvent, type ConnectionState } from './connection-state.ts';
import { meaningOf, type SessionEnd } from './session-end.ts';
import { Session, type Instruction, type Registered } from './session.ts';
import type { StdinCall } from './stdin-feed.ts';

export interface ConnectionOptions {
  /** `host:port` of each coordinator. At least one. */
  readonly addresses: readonly string[];
  readonly logger: Logger;
  readonly now: () => number;
  /** Asked at each try, since what is in hand changes. It may call `leave`. */
  readonly registration: () => Registration;
  /** How long a coordinator may take to answer it; asked at each try. */
  readonly registrationTimeoutMs: () => number;
  /** The lease starts at `sentAtMs`, by `now`. */
  readonly onRegistered: (registered: Registered, sentAtMs: number) => void;
  /** The heartbeat sent at `sentAtMs`, by `now`, keeps the lease. */
  readonly onRenewed: (sentAtMs: number) => void;
  readonly onInstruction: (instruction: Instruction) => void;
  /** The session is gone, registered or not; unless this is the end, another one follows. */
  readonly onSessionEnded: () => void;
  /** The end. Once. */
  readonly onClosed: () => void;
}

/** Keeps a session with one of the coordinators: when one is lost, finds the next, for as long as it takes. */
export class Connection {
  #state: ConnectionState = { kind: 'idle' };
  #session: Session | null = null;
  #redial: NodeJS.Timeout | undefined;

  constructor(private readonly options: ConnectionOptions) {}

  get kind(): ConnectionState['kind'] {
    return this.#state.kind;
  }

  open(): void {
    this.#on({ kind: 'dial' });
  }

  /** Says Goodbye where there is somebody to say it to. Only with nothing in hand. */
  leave(): void {
    this.#on({ kind: 'leave' });
  }

  /** Ends it without a word. */
  abort(): void {
    this.#on({ kind: 'abort' });
  }

  /** To the registered session; without one nothing happens. `taken`: see {@link Session.send}. */
  send(message: FromWorker, taken?: () => void): void {
    if (this.#state.kind === 'registered') this.#session?.send(message, taken);
  }

  /** What the command of an attempt reads, from `offset` on; `null`: there is no registered session. */
  readStdin(ref: AttemptRef, offset: number): StdinCall | null {
    return this.#state.kind === 'registered' ? (this.#session?.readStdin(ref, offset) ?? null) : null;
  }

  /** Drops the session, if there is one, and looks for another. */
  giveUpSession(why: string): void {
    this.#session?.giveUp(why);
  }

  #on(event: ConnectionEvent): void {
    const before = this.#state;
    this.#state = transition(before, event, { addresses: this.options.addresses.length, random: Math.random });
    if (this.#state === before) return;
    switch (this.#state.kind) {
      case 'idle':
      case 'registered':
        return;
      case 'registering':
        this.#register(this.options.addresses[this.#state.address] ?? '');
        return;
      case 'waiting':
        this.#redial = setTimeout(() => this.#on({ kind: 'dial' }), this.#state.delayMs);
        return;
      case 'leaving':
        this.#session?.leave();
        return;
      case 'closed':
        clearTimeout(this.#redial);
        this.#session?.giveUp('the worker leaves');
        this.options.onClosed();
        return;
    }
  }

  #register(address: string): void {
    const registration = this.options.registration();
    if (this.#state.kind !== 'registering') return;
    this.#session = new Session({
      address,
      registration,
      registrationTimeoutMs: this.options.registrationTimeoutMs(),
      now: this.options.now,
      onRegistered: (registered, sentAtMs) => {
        const { coordinatorId, sessionId } = registered;
        this.options.logger.info({ address, coordinatorId, sessionId }, 'registered with a coordinator');
        this.#on({ kind: 'registered' });
        this.options.onRegistered(registered, sentAtMs);
      },
      onRenewed: this.options.onRenewed,
      onInstruction: this.options.onInstruction,
      onEnded: (end) => this.#sessionEnded(address, registration.workerId, end),
    });
  }

  #sessionEnded(address: string, workerId: string, end: SessionEnd): void {
    this.#session = null;
    this.options.onSessionEnded();
    const { level, message, hopeless } = meaningOf(end, workerId);
    this.#on({ kind: 'ended', hopeless });
    if (this.#state.kind !== 'waiting') return;
    const status = end.kind === 'status' ? { code: end.code, details: end.details } : {};
    this.options.logger[level]({ address, ...status, retryInMs: Math.round(this.#state.delayMs) }, message);
  }
}
