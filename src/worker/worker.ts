import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Environment } from '../runtime/config.ts';
import type { Readiness } from '../runtime/health-server.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { VERSION } from '../runtime/version.ts';
import type { Attempt, AttemptRef, Registration } from '../rpc/messages.ts';
import { attemptEnvironment, inheritedEnvironment } from './command-environment.ts';
import type { WorkerConfig } from './config.ts';
import { Connection } from './connection.ts';
import { Lease } from './lease.ts';
import { createWorkerMetrics, type WorkerMetrics } from './metrics.ts';
import { ReportOutbox } from './report-outbox.ts';
import { RunningAttempts, type EndedAttempt } from './running-attempts.ts';
import type { Instruction, Registered } from './session.ts';
import { MAX_TIMER_MS } from './timer.ts';

export interface WorkerOptions {
  readonly config: WorkerConfig;
  readonly hostname: string;
  /** The worker's own environment; commands get the part of it that is no secret. */
  readonly environment: Environment;
  readonly logger: Logger;
}

/** How long a coordinator may take to answer a registration: at most, and when commands run whose lease runs out. */
const REGISTRATION_TIMEOUT_MS = 10_000;
const LEAST_REGISTRATION_TIMEOUT_MS = 1_000;
/** How long {@link Worker.kill} waits for the killed to be dead. */
const KILL_TIMEOUT_MS = 2_000;

/**
 * Runs commands for whichever coordinator it can reach. `start` returns once it has registered, however long that
 * takes, or was stopped meanwhile. `stop` drains: it returns once what ran has ended and each result is acknowledged,
 * or once no coordinator could be reached until the lease ended.
 */
export class Worker implements Service {
  /** Resolves, with why, once the worker has left: it was stopped, or a coordinator told it to drain. */
  readonly ended: Promise<string>;

  readonly #config: WorkerConfig;
  readonly #hostname: string;
  readonly #logger: Logger;
  readonly #metrics: WorkerMetrics;
  readonly #now = () => performance.now();
  readonly #instanceId = randomUUID();
  readonly #lease = new Lease(this.#now);
  readonly #running: RunningAttempts;
  readonly #outbox: ReportOutbox;
  readonly #connection: Connection;
  readonly #registeredOrClosed: Promise<void>;
  readonly #closed: Promise<void>;
  #resolveRegistered: () => void = () => undefined;
  #resolveClosed: () => void = () => undefined;

  #leaseMs = 0;
  #registrations = 0;
  /** Registers sent; #registrations counts those that were answered. */
  #ordinal = 0;
  #answeredAtMs = this.#now();
  #draining = false;
  /** What the newest Register said; draining may have begun after it was sent. */
  #registeredAsDraining = false;
  #fenceTimer: NodeJS.Timeout | undefined;

  constructor({ config, hostname, environment, logger }: WorkerOptions) {
    this.#config = config;
    this.#hostname = hostname;
    this.#logger = logger;
    this.#registeredOrClosed = new Promise((resolve) => (this.#resolveRegistered = resolve));
    this.#closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.ended = this.#closed.then(() => 'the worker has drained');

    const inherited = inheritedEnvironment(environment);
    this.#running = new RunningAttempts({
      capBytes: config.outputCapBytes,
      environmentOf: (attempt) => ({ ...inherited, ...attemptEnvironment(attempt, config.workerId) }),
      onStarted: (ref, startedAtMs) => this.#outbox.started(ref, startedAtMs),
      onEnded: (ended) => this.#attemptEnded(ended),
    });
    this.#outbox = new ReportOutbox(config.slots * 4 + 100, this.#now);
    this.#connection = new Connection({
      addresses: config.coordinators,
      logger,
      now: this.#now,
      registration: () => this.#registration(),
      registrationTimeoutMs: () => this.#registrationTimeoutMs(),
      onRegistered: (registered, sentAtMs) => this.#registered(registered, sentAtMs),
      onRenewed: (sentAtMs) => this.#renewed(sentAtMs),
      onInstruction: (instruction) => this.#follow(instruction),
      onSessionEnded: () => this.#outbox.close(),
      onClosed: () => void this.#wrapUp(),
    });
    this.#metrics = createWorkerMetrics({
      slots: config.slots,
      running: () => this.#running.count,
      unacknowledged: () => this.#outbox.unacknowledged,
      heartbeatAgeSeconds: () => (this.#now() - this.#answeredAtMs) / 1_000,
    });
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  /** Ready: a coordinator can have it run something. */
  readiness(): Readiness {
    const registered = this.#connection.kind === 'registered' && this.#lease.isHeld();
    return {
      ready: registered && !this.#draining,
      checks: {
        coordinator: registered ? 'ok' : `not registered with any (${this.#connection.kind})`,
        slots: this.#draining ? 'draining' : 'ok',
      },
    };
  }

  async start(): Promise<void> {
    this.#connection.open();
    await this.#registeredOrClosed;
  }

  async stop(): Promise<void> {
    this.#drain();
    await this.#closed;
  }

  /**
   * Kills every command and leaves at once. Their results are lost, and those not acknowledged too: the tasks go back
   * when the lease ends. Returns when the killed are dead, or after a while if the system does not let them die.
   */
  async kill(): Promise<void> {
    this.#running.dropAll();
    this.#connection.abort();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#closed, new Promise((resolve) => (timer = setTimeout(resolve, KILL_TIMEOUT_MS)))]);
    clearTimeout(timer);
  }

  #registration(): Registration {
    // Timers may be late, after the process was stopped: nothing whose lease has ended is claimed to be in hand.
    if (!this.#lease.isHeld()) this.#fence();
    this.#registeredAsDraining = this.#draining;
    const nowMs = this.#now();
    const { workerId, slots, labels, queues } = this.#config;
    return {
      workerId,
      instanceId: this.#instanceId,
      hostname: this.#hostname,
      slots,
      labels,
      queues,
      version: VERSION,
      pid: process.pid,
      inHand: [...this.#running.inHand(nowMs), ...this.#outbox.inHand(nowMs)],
      draining: this.#draining,
      ordinal: ++this.#ordinal,
    };
  }

  /** While commands run, a coordinator that hangs must leave time to try another before the lease ends. */
  #registrationTimeoutMs(): number {
    if (this.#running.count === 0) return REGISTRATION_TIMEOUT_MS;
    const half = this.#lease.msUntilFence() / 2;
    return Math.min(REGISTRATION_TIMEOUT_MS, Math.max(LEAST_REGISTRATION_TIMEOUT_MS, half));
  }

  #registered(registered: Registered, sentAtMs: number): void {
    this.#registrations += 1;
    if (this.#registrations > 1) this.#metrics.reconnects.inc();
    this.#leaseMs = registered.leaseMs;
    this.#disown(registered.superseded);
    this.#renewed(sentAtMs);
    this.#outbox.open((report, done) => this.#connection.send(report, done));
    if (this.#draining && !this.#registeredAsDraining) this.#connection.send({ kind: 'draining' });
    this.#resolveRegistered();
    this.#leaveIfDone();
  }

  #renewed(sentAtMs: number): void {
    this.#answeredAtMs = this.#now();
    this.#lease.grant(sentAtMs, this.#leaseMs);
    this.#watchLease();
  }

  #watchLease(): void {
    clearTimeout(this.#fenceTimer);
    this.#fenceTimer = setTimeout(
      () => (this.#lease.isHeld() ? this.#watchLease() : this.#fence()),
      Math.min(this.#lease.msUntilFence(), MAX_TIMER_MS),
    );
  }

  /** The lease has ended: others may run what this worker runs, so it must not go on. Results are kept. */
  #fence(): void {
    const killed = this.#running.dropAll();
    if (killed.length > 0) {
      this.#metrics.fences.inc();
      this.#logger.error({ attempts: killed }, 'killed what ran, since the lease was not renewed in time');
    }
    // What a session was told to be in hand is not any more; the next registration says what is.
    if (killed.length > 0 || this.#connection.kind === 'registered') {
      this.#connection.giveUpSession('the lease has ended');
    }
    if (!this.#draining) return;
    // Nobody to deliver results to, and by now these tasks are taken back: waiting longer would be waiting for ever.
    if (this.#outbox.unacknowledged > 0) {
      this.#logger.error(
        { results: this.#outbox.unacknowledged },
        'leaves with results that no coordinator acknowledged',
      );
    }
    this.#connection.abort();
  }

  #follow(instruction: Instruction): void {
    switch (instruction.kind) {
      case 'dispatch':
        this.#dispatch(instruction.attempts);
        return;
      case 'acknowledge':
        this.#outbox.forget(instruction.recorded);
        this.#disown(instruction.superseded);
        break;
      case 'stop':
        this.#disown(instruction.refs);
        break;
      case 'drain':
        this.#drain();
        return;
    }
    this.#leaveIfDone();
  }

  /** Also while draining: what crossed our Draining on its way counts as taken, and the coordinator sends no more. */
  #dispatch(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const { ref } = attempt;
      if (this.#running.has(ref) || this.#outbox.has(ref)) continue;
      // Asked again before each, since starting many takes time and a process that was stopped learns of it only
      // here. What is not started is not in the next registration, so the coordinator takes it back.
      if (!this.#lease.isHeld()) {
        this.#fence();
        return;
      }
      if (this.#running.count >= this.#config.slots) {
        this.#logger.warn({ ref, slots: this.#config.slots }, 'more was dispatched than there are slots; running it');
      }
      this.#running.start(attempt);
    }
  }

  #attemptEnded(ended: EndedAttempt): void {
    const { ref, result } = ended;
    this.#metrics.attempts.inc({ reason: result.reason });
    this.#logger.debug({ ref, result }, 'attempt ended');
    this.#outbox.ended(ended);
  }

  /** These belong to somebody else or to nobody: kill them, and report nothing. */
  #disown(refs: readonly AttemptRef[]): void {
    const killed = this.#running.drop(refs);
    this.#outbox.forget(refs);
    if (killed.length > 0) this.#logger.warn({ attempts: killed }, 'killed what this worker does not own any more');
  }

  #drain(): void {
    if (!this.#draining) {
      this.#draining = true;
      this.#logger.info({ running: this.#running.count }, 'draining');
      this.#connection.send({ kind: 'draining' });
    }
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#draining && this.#running.count === 0 && this.#outbox.unacknowledged === 0) this.#connection.leave();
  }

  async #wrapUp(): Promise<void> {
    clearTimeout(this.#fenceTimer);
    await this.#running.dead();
    this.#resolveRegistered();
    this.#resolveClosed();
  }
}
