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
import { CoordinatorAddresses, type Lookup } from './coordinator-addresses.ts';
import { Departure } from './departure.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { Guardian } from './guardian/guardian.ts';
import { Launcher } from './launcher.ts';
import { LeaseWatch } from './lease-watch.ts';
import { createWorkerMetrics, type Bound, type WorkerMetrics } from './metrics.ts';
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
  /** How the names of coordinators are looked up. */
  readonly lookup: Lookup;
  readonly logger: Logger;
}

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
        if (this.#connection.kind !== 'registering') this.#leaveUnlessHeld();
        this.#settle();
      },
      onHandBack: () => this.#running.stop('all', { kind: 'handed_back' }, HAND_BACK_GRACE_MS),
    });
    this.#guardian = new Guardian({ logger, cgroup: config.cgroup, workerMark: options.workerMark });
    const hit = (bound: Bound) => this.#metrics.boundHits.inc({ bound });
    this.#outputs = new OutputOutbox({ now: this.#now, onBound: hit });
    this.#outbox = new ReportOutbox({
      maxResults: config.slots * 4 + 100,
      now: this.#now,
      onFull: () => hit('results_window'),
    });
    this.#running = this.#buildRunning(options);
    this.#connection = new Connection({
      addresses: new CoordinatorAddresses(config.coordinators, options.lookup, this.#now),
      logger,
      now: this.#now,
      registration: () => this.#registration(),
      leftMs: () => this.#leftMs(),
      onRegistered: (registered, sentAtMs) => this.#registered(registered, sentAtMs),
      onAck: ({ renewed }, sentAtMs) => {
        this.#answeredAtMs = this.#now();
        if (renewed) this.#renewed(sentAtMs);
      },
      onHeldOff: (untilMs) => {
        if (this.#lease.extend(untilMs)) this.#guardian.allowFor(this.#lease.msUntilFence());
      },
      onResultWindow: (count) => this.#outbox.resize(count),
      onInstruction: (instruction) => this.#follow(instruction),
      onSessionEnded: () => {
        this.#outputs.close();
        this.#outbox.close();
        this.#leaveUnlessHeld();
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

  /**
   * Ready: a coordinator can have it run something. One that cannot reach PostgreSQL can for a while, with what it has
   * claimed, so that alone does not make the worker unready.
   */
  readiness(): Readiness {
    const { isCutOff, kind, obstacles } = this.#connection;
    const registered = kind === 'registered' && this.#lease.isHeld();
    const why = obstacles === '' ? '' : `: ${obstacles}`;
    return {
      ready: registered && !this.#departure.draining,
      checks: {
        coordinator: registered ? 'ok' : `not registered with any (${kind})${why}`,
        postgresql: isCutOff ? 'the coordinator cannot reach it' : 'ok',
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
    // Timers may be late, after the process was stopped: nothing that runs without a lease is claimed to be in hand.
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

  /**
   * What is left of the lease that keeps commands alive, and results from being for nothing since somebody else runs the
   * same; Infinity: it keeps none.
   */
  #leftMs(): number {
    const inHand = this.#running.count + this.#outbox.unacknowledged;
    return inHand > 0 && this.#lease.isHeld() ? this.#lease.msUntilFence() : Infinity;
  }

  #registered(registered: Registered, sentAtMs: number): void {
    this.#registrations += 1;
    if (this.#registrations > 1) this.#metrics.reconnects.inc();
    this.#answeredAtMs = this.#now();
    this.#leaseMs = registered.leaseMs;
    this.#disown(registered.superseded);
    this.#renewed(sentAtMs);
    const send = (message: FromWorker, taken?: () => void) => this.#connection.send(message, taken);
    this.#outputs.open(send, registered.outputWindowBytes);
    this.#outbox.open(send, registered.resultWindow);
    this.#running.resumeStdin();
    if (this.#departure.draining && !this.#registeredAsDraining) this.#connection.send({ kind: 'draining' });
    this.#resolveRegistered();
    this.#settle();
  }

  #renewed(sentAtMs: number): void {
    // The answer may have waited until the lease had ended. The guardian has killed what ran by then, in its own time.
    if (!this.#lease.isHeld()) this.#killRunning();
    this.#lease.grant(sentAtMs, this.#leaseMs);
    this.#guardian.allowFor(this.#lease.msUntilFence());
  }

  /**
   * The lease has ended: others may run what this worker runs, so it must not go on. What is killed stays in hand, and is
   * reported as lost, since it may be that nobody has taken it back.
   */
  #fence(): void {
    this.#killRunning();
    if (this.#connection.kind === 'registered') this.#connection.giveUpSession('the lease has ended');
    this.#leaveUnlessHeld();
  }

  #killRunning(): void {
    const killed = this.#running.fence();
    if (killed.length === 0) return;
    this.#metrics.fences.inc();
    this.#logger.error({ attempts: killed }, 'killed what ran, since the lease was not renewed in time');
  }

  /** A worker that drains waits for a coordinator no longer than its lease: by then its tasks are taken back. */
  #leaveUnlessHeld(): void {
    if (!this.#departure.draining || this.#lease.isHeld() || this.#connection.kind === 'closed') return;
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
