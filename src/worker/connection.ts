import type { Logger } from '../runtime/logger.ts';
import type { AttemptRef, FromWorker, Registration } from '../rpc/messages.ts';
import { chooseAny, chooseFewer, chooseOther, ownRenews, type Own } from './choice.ts';
import { transition, type ConnectionEvent, type ConnectionState } from './connection-state.ts';
import { Enquiry, type EnquiryOptions } from './enquiry.ts';
import { Obstacles } from './obstacles.ts';
import { longestPauseMs, registrationTimeoutMs } from './patience.ts';
import { answerOfEnd, meaningOf, type SessionEnd } from './session-end.ts';
import { Session, type HeartbeatAck, type Instruction, type Registered } from './session.ts';
import type { StdinCall } from './stdin-feed.ts';
import type { Answers } from './survey.ts';

export interface ConnectionOptions extends EnquiryOptions {
  readonly logger: Logger;
  /** Asked at each try, since what is in hand changes. It may call `leave`. */
  readonly registration: () => Registration;
  /** The lease starts at `sentAtMs`, by `now`. */
  readonly onRegistered: (registered: Registered, sentAtMs: number) => void;
  /** The newest heartbeat that it answers was sent at `sentAtMs`, by `now`. */
  readonly onAck: (ack: HeartbeatAck, sentAtMs: number) => void;
  /** See {@link SessionOptions.onResultWindow}. */
  readonly onResultWindow: (count: number) => void;
  readonly onInstruction: (instruction: Instruction) => void;
  /** The session is gone, registered or not; unless this is the end, another one follows. */
  readonly onSessionEnded: () => void;
  /** The end. Once. */
  readonly onClosed: () => void;
}

/** Why a worker with a session asks all coordinators how they stand. */
type Doubt = 'cut_off' | 'rebalance';

/**
 * Keeps a session with one of the coordinators: when one is lost, finds the next, for as long as it takes. Leaves one
 * that cannot reach PostgreSQL for one that can, and one that has too many workers for one that has fewer.
 */
export class Connection {
  #state: ConnectionState = { kind: 'idle' };
  #session: Session | null = null;
  #redial: NodeJS.Timeout | undefined;
  /** The next enquiry that does not wait for a heartbeat. */
  #insistence: NodeJS.Timeout | undefined;
  readonly #enquiry: Enquiry;
  readonly #obstacles: Obstacles;

  /** The coordinator of the registered session. */
  #own: Own | null = null;
  /** It could not reach PostgreSQL at the newest heartbeat. */
  #cutOff = false;
  /** It could when it was asked after that, so it has one more heartbeat to prove it. */
  #trusted = false;
  /** Why an enquiry is under way beside the session. */
  #doubt: Doubt | null = null;

  constructor(private readonly options: ConnectionOptions) {
    this.#enquiry = new Enquiry(options);
    this.#obstacles = new Obstacles(options.now);
  }

  get kind(): ConnectionState['kind'] {
    return this.#state.kind;
  }

  /** Why there is no session, or none that renews the lease, as far as is known; for people. */
  get obstacles(): string {
    return this.#obstacles.text;
  }

  /** There is a session, and its coordinator could not reach PostgreSQL when it was last asked. */
  get isCutOff(): boolean {
    return this.#cutOff;
  }

  open(): void {
    this.#on({ kind: 'look' });
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
    const { leftMs } = this.options;
    this.#state = transition(before, event, { longestPauseMs: longestPauseMs(leftMs()), random: Math.random });
    if (this.#state === before) return;
    if (this.#state.kind !== 'registered') this.#forgetOwn();
    switch (this.#state.kind) {
      case 'idle':
      case 'registered':
        return;
      case 'surveying':
        this.#look(this.#state.search.tried);
        return;
      case 'registering':
        this.#register(this.#state.address);
        return;
      case 'waiting':
        this.#redial = setTimeout(() => this.#on({ kind: 'look' }), this.#state.delayMs);
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

  /** Without a session. */
  #look(tried: readonly string[]): void {
    this.#enquiry.ask(null, false, (answers) => {
      const address = chooseAny(answers, tried, Math.random);
      this.#on({ kind: 'surveyed', address });
      if (address === null) this.#hindered(answers, 'no coordinator serves this worker');
    });
  }

  #register(address: string): void {
    const registration = this.options.registration();
    if (this.#state.kind !== 'registering') return;
    const session = new Session({
      address,
      registration,
      registrationTimeoutMs: registrationTimeoutMs(this.options.leftMs()),
      now: this.options.now,
      onRegistered: (registered, sentAtMs) => {
        const { coordinatorId, leaseMs, sessionId } = registered;
        this.options.logger.info({ address, coordinatorId, sessionId }, 'registered with a coordinator');
        this.#on({ kind: 'registered' });
        this.#own = { address, coordinatorId };
        this.#enquiry.leaseMs = leaseMs;
        this.#obstacles.clear();
        this.options.onRegistered(registered, sentAtMs);
      },
      onAck: (ack, sentAtMs) => this.#acknowledged(ack, sentAtMs),
      onResultWindow: this.options.onResultWindow,
      onInstruction: this.options.onInstruction,
      onRebalance: () => {
        if (!this.#enquiry.isUnderWay) this.#doubtOwn('rebalance');
      },
      onEnded: (end) => this.#sessionEnded(session, address, registration.workerId, end),
    });
    this.#session = session;
  }

  #acknowledged(ack: HeartbeatAck, sentAtMs: number): void {
    const own = this.#own;
    this.options.onAck(ack, sentAtMs);
    if (own === null || this.#own !== own) return;
    const { address } = own;
    if (ack.renewed) {
      if (!this.#cutOff) return;
      this.#forgetDoubt();
      this.#obstacles.clear();
      this.options.logger.info({ address }, 'the coordinator reaches PostgreSQL again');
      return;
    }
    if (!this.#cutOff) this.options.logger.warn({ address }, 'the coordinator cannot reach PostgreSQL');
    this.#cutOff = true;
    const why = 'cannot reach PostgreSQL';
    // Of an older version, which does not say, it is known to be a lease.
    const holdsOffMs = ack.holdsOffMs > 0 ? ack.holdsOffMs : this.#enquiry.leaseMs;
    this.#enquiry.hear(address, { kind: 'holds_off', askedAtMs: sentAtMs, holdsOffMs, why });
    if (this.#doubt !== 'cut_off') this.#doubtOwn('cut_off');
  }

  /** Asks all how they stand, its own coordinator, too, and moves if another one is better placed. */
  #doubtOwn(doubt: Doubt): void {
    const own = this.#own;
    if (own === null) return;
    this.#doubt = doubt;
    this.#enquiry.ask(own.address, doubt === 'rebalance', (answers) => {
      this.#doubt = null;
      const address = doubt === 'rebalance' ? chooseFewer(answers, own, Math.random) : this.#refuge(answers, own);
      if (address !== null) this.#move(own.address, address, doubt);
      else if (doubt === 'cut_off') this.#insist();
    });
  }

  /** An enquiry that did not lengthen the lease, since too few have answered, is made again before it runs out. */
  #insist(): void {
    const leftMs = this.options.leftMs();
    if (leftMs >= this.#enquiry.leaseMs / 2) return;
    clearTimeout(this.#insistence);
    this.#insistence = setTimeout(() => {
      if (this.#cutOff && this.#doubt !== 'cut_off') this.#doubtOwn('cut_off');
    }, longestPauseMs(leftMs));
  }

  /** Where to go from a coordinator that cannot reach PostgreSQL; `null`: nowhere. */
  #refuge(answers: Answers, own: Own): string | null {
    // When PostgreSQL comes back each hears of it in its own time; not everybody need move then.
    if (!this.#trusted && ownRenews(answers, own)) {
      this.#trusted = true;
      return null;
    }
    const desperate = this.options.leftMs() < this.#enquiry.leaseMs / 2;
    const address = chooseOther(answers, own, desperate, Math.random);
    if (address === null) this.#hindered(answers, 'no coordinator renews the lease of this worker');
    return address;
  }

  #move(from: string, to: string, doubt: Doubt): void {
    const why = doubt === 'rebalance' ? 'it has fewer workers' : 'it reaches PostgreSQL';
    this.options.logger.info({ from, to, why }, 'moves to another coordinator');
    const session = this.#session;
    this.#session = null;
    session?.giveUp('the worker moves to another coordinator');
    this.#on({ kind: 'move', address: to });
  }

  #sessionEnded(session: Session, address: string, workerId: string, end: SessionEnd): void {
    this.options.onSessionEnded();
    if (this.#session !== session) return;
    this.#session = null;
    const answer = answerOfEnd(end);
    this.#enquiry.hear(address, answer);
    const { level, message, hopeless } = meaningOf(end, workerId);
    this.#on({ kind: 'ended', hopeless });
    if (this.#state.kind !== 'waiting') return;
    this.#obstacles.add(address, answer.why);
    const status = end.kind === 'status' ? { code: end.code, details: end.details } : {};
    this.options.logger[level]({ address, ...status, retryInMs: Math.round(this.#state.delayMs) }, message);
  }

  #hindered(answers: Answers, what: string): void {
    this.#obstacles.replace(answers);
    if (!this.#obstacles.isNews()) return;
    const leftMs = this.options.leftMs();
    const lease = leftMs === Infinity ? {} : { leaseLeftMs: Math.round(leftMs) };
    this.options.logger.warn(lease, `${what}: ${this.#obstacles.text}`);
  }

  #forgetOwn(): void {
    this.#own = null;
    this.#forgetDoubt();
  }

  #forgetDoubt(): void {
    this.#enquiry.cancel();
    clearTimeout(this.#insistence);
    this.#doubt = null;
    this.#cutOff = false;
    this.#trusted = false;
  }
}
