import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Environment } from '../runtime/config.ts';
import type { Readiness } from '../runtime/health-server.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { VERSION } from '../runtime/version.ts';
import type { Attempt, AttemptRef, FromWorker, Registration } from '../rpc/messages.ts';
import type { WorkerConfig } from './config.ts';
import { Connection } from './connection.ts';
import { Departure } from './departure.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { Guardian } from './guardian/guardian.ts';
import { Launcher } from './launcher.ts';
import { LeaseWatch } from './lease-watch.ts';
import { createWorkerMetrics, type WorkerMetrics } from './metrics.ts';
import { OutputOutbox } from './output/output-outbox.ts';
import { Pipes } from './pipes.ts';
import type { Policy } from './policy.ts';
import { ReportOutbox } from './report-outbox.ts';
import { RunningAttempts } from './running-attempts.ts';
import type { Instruction, Registered } from './session.ts';

export interface WorkerOptions {
  readonly config: WorkerConfig;
  /** Which commands it runs. */
  readonly policy: Policy;
  /** From setWorkerMark. */
  readonly workerMark: string | null;
  /** From checkCgroup; none without a cgroup. */
  readonly cgroupControllers: readonly string[];
  readonly hostname: string;
  /** The worker's own environment; commands get a few variables of it. */
  readonly environment: Environment;
  readonly logger: Logger;
}

/** How long a coordinator may take to answer a registration: at most, and when commands run whose lease runs out. */
const REGISTRATION_TIMEOUT_MS = 10_000;
const LEAST_REGISTRATION_TIMEOUT_MS = 1_000;
/** How long {@link Worker.kill} waits for the killed to be dead. */
const KILL_TIMEOUT_MS = 2_000;
/** Most of a grace period that is left to what is handed back: whoever told the worker to leave does not wait long. */
const HAND_BACK_GRACE_MS = 10_000;

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
  readonly #lease = new LeaseWatch(this.#now, () => this.#fence());
  readonly #departure: Departure;
  readonly #guardian: Guardian;
  readonly #pipes = new Pipes();
  readonly #running: RunningAttempts;
  readonly #outputs: OutputOutbox;
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
  #preparing: Promise<unknown> = Promise.resolve();
  /** What the newest Register said; draining may have begun after it was sent. */
  #registeredAsDraining = false;

  constructor(options: WorkerOptions) {
    const { config, logger } = options;
    this.#config = config;
    this.#hostname = options.hostname;
    this.#logger = logger;
    this.#registeredOrClosed = new Promise((resolve) => (this.#resolveRegistered = resolve));
    this.#closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.ended = this.#closed.then(() => 'the worker has drained');

    this.#departure = new Departure({
      logger,
      now: this.#now,
      maxTasks: config.maxTasks,
      idleExitMs: config.idleExitMs,
      onDraining: () => {
        this.#connection.send({ kind: 'draining' });
        this.#settle();
      },
      onHandBack: () => this.#running.stop('all', { kind: 'handed_back' }, HAND_BACK_GRACE_MS),
    });
    this.#guardian = new Guardian({ logger, cgroup: config.cgroup, workerMark: options.workerMark });
    this.#outputs = new OutputOutbox({ now: this.#now });
    this.#outbox = new ReportOutbox(config.slots * 4 + 100, this.#now);
    this.#running = this.#buildRunning(options);
    this.#connection = new Connection({
      addresses: config.coordinators,
      logger,
      now: this.#now,
      registration: () => this.#registration(),
      registrationTimeoutMs: () => this.#registrationTimeoutMs(),
      onRegistered: (registered, sentAtMs) => this.#registered(registered, sentAtMs),
      onRenewed: (sentAtMs) => this.#renewed(sentAtMs),
      onInstruction: (instruction) => this.#follow(instruction),
      onSessionEnded: () => {
        this.#outputs.close();
        this.#outbox.close();
      },
      onClosed: () => void this.#wrapUp(),
    });
    this.#metrics = createWorkerMetrics({
      slots: config.slots,
      running: () => this.#running.count,
      unacknowledged: () => this.#outbox.unacknowledged,
      heldOutputBytes: () => this.#outputs.heldBytes,
      heartbeatAgeSeconds: () => (this.#now() - this.#answeredAtMs) / 1_000,
      guardianRestarts: () => this.#guardian.restarts,
    });
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  /** Ready: a coordinator can have it run something. */
  readiness(): Readiness {
    const registered = this.#connection.kind === 'registered' && this.#lease.isHeld();
    return {
      ready: registered && !this.#departure.draining,
      checks: {
        coordinator: registered ? 'ok' : `not registered with any (${this.#connection.kind})`,
        slots: this.#departure.draining ? 'draining' : 'ok',
      },
    };
  }

  /** Rejects when the worker cannot run commands here. */
  async start(): Promise<void> {
    if (this.#connection.kind === 'closed') return;
    this.#preparing = Promise.all([this.#guardian.start(), this.#pipes.open()]);
    await this.#preparing;
    this.#connection.open();
    await this.#registeredOrClosed;
  }

  async stop(): Promise<void> {
    this.#departure.drain('it was told to stop', this.#config.drainTimeoutMs);
    await this.#closed;
  }

  /** Does not wait any longer for what runs: stops it and hands it back. */
  hasten(): void {
    this.#departure.handBack('it was told to stop again');
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
    this.#registeredAsDraining = this.#departure.draining;
    const nowMs = this.#now();
    const { workerId, labels, queues } = this.#config;
    const inHand = [...this.#running.inHand(nowMs), ...this.#outbox.inHand(nowMs)];
    // No more at once than it takes in all; what it has in hand counts there, too.
    const slots = Math.max(1, Math.min(this.#config.slots, inHand.length + this.#departure.remaining));
    return {
      workerId,
      instanceId: this.#instanceId,
      hostname: this.#hostname,
      slots,
      labels,
      queues,
      version: VERSION,
      pid: process.pid,
      inHand,
      draining: this.#departure.draining,
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
    const send = (message: FromWorker, taken?: () => void) => this.#connection.send(message, taken);
    this.#outputs.open(send, registered.outputWindowBytes);
    this.#outbox.open(send);
    this.#running.resumeStdin();
    if (this.#departure.draining && !this.#registeredAsDraining) this.#connection.send({ kind: 'draining' });
    this.#resolveRegistered();
    this.#settle();
  }

  #renewed(sentAtMs: number): void {
    this.#answeredAtMs = this.#now();
    this.#lease.grant(sentAtMs, this.#leaseMs);
    this.#guardian.allowFor(this.#lease.msUntilFence());
  }

  /** The lease has ended: others may run what this worker runs, so it must not go on. Results are kept. */
  #fence(): void {
    const killed = this.#running.dropLive();
    if (killed.length > 0) {
      this.#metrics.fences.inc();
      this.#logger.error({ attempts: killed }, 'killed what ran, since the lease was not renewed in time');
    }
    // What a session was told to be in hand is not any more; the next registration says what is.
    if (killed.length > 0 || this.#connection.kind === 'registered') {
      this.#connection.giveUpSession('the lease has ended');
    }
    if (!this.#departure.draining) return;
    // Nobody to deliver results to, and by now these tasks are taken back: waiting longer would be waiting for ever.
    const results = this.#running.count + this.#outbox.unacknowledged;
    if (results > 0) this.#logger.error({ results }, 'leaves with results that no coordinator acknowledged');
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
      case 'cancel':
        this.#running.stop(instruction.refs, { kind: 'cancelled' });
        break;
      case 'output_ack':
        this.#disown(this.#outputs.acknowledged(instruction));
        break;
      case 'drain':
        this.#departure.drain('a coordinator asks for it', instruction.timeoutMs ?? this.#config.drainTimeoutMs);
        return;
    }
    this.#settle();
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
      if (this.#departure.handingBack) this.#running.stop([ref], { kind: 'handed_back' });
      this.#departure.took();
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

  /** Something may have been the last: with nothing in hand it leaves if it is to, and is idle if not. */
  #settle(): void {
    if (this.#running.count > 0 || this.#outbox.unacknowledged > 0) return;
    if (this.#departure.draining) this.#connection.leave();
    else this.#departure.idle();
  }

  async #wrapUp(): Promise<void> {
    this.#lease.close();
    this.#departure.close();
    // Nobody is left to take what they wrote.
    this.#running.dropAll();
    await this.#running.dead();
    this.#pipes.close();
    await this.#preparing.catch(() => undefined);
    await this.#guardian.stop();
    this.#resolveRegistered();
    this.#resolveClosed();
  }

  #buildRunning(options: WorkerOptions): RunningAttempts {
    const launcher = new Launcher({
      ...options,
      pipes: this.#pipes,
      guardian: this.#guardian,
      now: this.#now,
      onRejected: (rule) => this.#metrics.rejections.inc({ rule }),
    });
    return new RunningAttempts({
      launcher,
      guardian: this.#guardian,
      outputs: this.#outputs,
      outputLimitBytes: options.config.outputLimitBytes,
      now: this.#now,
      mayRun: () => this.#mayRun(),
      readStdin: (ref, offset) => this.#connection.readStdin(ref, offset),
      events: {
        onStarted: (ref, startedAtMs) => this.#outbox.started(ref, startedAtMs),
        onStop: (cause) => this.#metrics.stops.inc({ cause }),
        onKill: () => this.#metrics.kills.inc(),
        onStdinBytes: (count) => this.#metrics.stdinBytes.inc(count),
        onDisowned: (ref) => this.#follow({ kind: 'stop', refs: [ref] }),
        onEnded: (ended) => this.#attemptEnded(ended),
      },
    });
  }

  /** Timers may be late, after the process was stopped: what depends on it asks for itself. */
  #mayRun(): boolean {
    if (this.#lease.isHeld()) return true;
    this.#fence();
    return false;
  }
}
