import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import type { AttemptKey } from '../db/attempt-key.ts';
import { CANCELLED_CHANNEL, DRAIN_CHANNEL, DUE_CHANNEL, HASTENED_CHANNEL } from '../db/channels.ts';
import { confirmClaims } from '../db/confirm-claims.ts';
import { expireCoordinator } from '../db/expire-coordinator.ts';
import { findWorkerStandings } from '../db/find-worker-standings.ts';
import { giveUpClaims } from '../db/give-up-claims.ts';
import { Listener } from '../db/listener.ts';
import { createPool } from '../db/pool.ts';
import { releaseClaims } from '../db/release-claims.ts';
import { refKey } from '../rpc/messages.ts';
import { HealthServer } from '../runtime/health-server.ts';
import type { Logger } from '../runtime/logger.ts';
import { startAll, stopAll, type Service } from '../runtime/service.ts';
import { VERSION } from '../runtime/version.ts';
import { Agenda } from './agenda.ts';
import { Balancer } from './balancer.ts';
import { Cancellations } from './cancellations.ts';
import { ClaimLoop } from './claim-loop.ts';
import type { CoordinatorConfig } from './config.ts';
import { DatabaseClock } from './database-clock.ts';
import { DebugService } from './debug-service.ts';
import { Dispatcher } from './dispatcher.ts';
import { EventHub } from './event-hub.ts';
import { Expirer } from './expirer.ts';
import { GrpcServer } from './grpc-server.ts';
import { LeaseKeeper, renewalIntervalMs } from './lease-keeper.ts';
import { Limbo } from './limbo.ts';
import { CoordinatorMetrics } from './metrics.ts';
import { OutputBuffer } from './output-buffer.ts';
import { Ownership } from './ownership.ts';
import { Reaper } from './reaper.ts';
import { ReportBuffer, type ReportBufferDeps } from './report-buffer.ts';
import { SessionService } from './session-service.ts';
import { StandingService } from './standing-service.ts';
import { StdinService } from './stdin-service.ts';
import { WorkerRegistry } from './worker-registry.ts';

/** Longest that stopping may take, and how much of that before workers are sent elsewhere whatever is not committed. */
const STOP_WITHIN_MS = 10_000;
const COMMIT_WITHIN_MS = 8_000;

/**
 * A coordinator put together: sessions with workers on one side, PostgreSQL on the other, and between them the agenda
 * of claimed tasks. Any number of coordinators share one database; none of them leads.
 */
export class Coordinator implements Service {
  readonly id = randomUUID();
  readonly #pool: pg.Pool;
  readonly #leasePool: pg.Pool;
  readonly #clock = new DatabaseClock();
  readonly #hub = new EventHub();
  readonly #metrics = new CoordinatorMetrics();
  readonly #agenda: Agenda;
  readonly #registry: WorkerRegistry;
  readonly #dispatcher: Dispatcher;
  readonly #limbo: Limbo;
  readonly #leases: LeaseKeeper;
  readonly #ownership: Ownership;
  readonly #reports: ReportBuffer;
  readonly #output: OutputBuffer;
  readonly #claims: ClaimLoop;
  readonly #cancellations: Cancellations;
  readonly #expirer: Expirer;
  readonly #reaper: Reaper;
  readonly #balancer: Balancer;
  readonly #sessions: SessionService;
  readonly #stdin: StdinService;
  readonly #listener: Listener;
  readonly #grpc: GrpcServer;
  readonly #health: HealthServer | null;
  #stopped: Promise<void> | null = null;

  constructor(
    config: CoordinatorConfig,
    private readonly logger: Logger,
  ) {
    const { id } = this;
    const applicationName = `hydra coordinator ${id.slice(0, 8)}`;
    const poolOptions = {
      url: config.databaseUrl,
      applicationName,
      onIdleError: (error: Error) => logger.warn({ err: error }, 'a connection to PostgreSQL broke'),
      onOperatorFault: (fault: string, error: unknown) =>
        logger.error({ err: error }, `PostgreSQL cannot be used: ${fault}`),
      onDeadConnection: () => this.#listener.check(),
    };
    const pool = createPool({ ...poolOptions, size: config.dbPoolSize - 1 });
    const shared = { db: pool, pool, coordinatorId: id, hub: this.#hub, metrics: this.#metrics, logger };
    const nowMs = () => this.#clock.nowMs();
    const owns = () => this.#ownership.owns;
    const onRoom = () => this.#onRoom();

    this.#pool = pool;
    this.#agenda = new Agenda(nowMs, () => {
      onRoom();
      this.#claims.wakeForDue();
    });
    this.#registry = new WorkerRegistry(() => {
      onRoom();
      // It may serve lanes that nobody here served before.
      this.#claims.wakeForTasks();
      this.#balancer.wake();
    });
    this.#limbo = new Limbo(pool, id);
    const parts = { agenda: this.#agenda, registry: this.#registry };
    this.#dispatcher = new Dispatcher({
      ...shared,
      ...parts,
      owns,
      nowMs,
      onLapsed: (tasks) => this.#expirer.end(tasks),
    });
    // Renewals must not queue behind whatever else wants a connection, nor hang in one that is dead for long.
    this.#leasePool = createPool({ ...poolOptions, size: 1, statementTimeoutMs: renewalIntervalMs(config.leaseMs) });
    this.#leases = new LeaseKeeper({
      ...shared,
      db: this.#leasePool,
      leaseMs: config.leaseMs,
      clock: this.#clock,
      registry: this.#registry,
      identity: () => ({ id, hostname: hostname(), address: this.#grpc.address, version: VERSION }),
      onLapsed: (anew) => this.#ownership.doubt(anew),
      onHealth: () => this.#sayHealth(),
      onDrain: (session, timeoutMs) => this.#sessions.drain(session, timeoutMs),
    });
    this.#ownership = new Ownership({
      ...shared,
      valid: () => this.#leases.valid,
      confirmClaims: (anew) => this.#confirmClaims(anew),
      onOwning: () => {
        onRoom();
        this.#claims.wakeForTasks();
        this.#expirer.wake();
      },
    });
    const onSuperseded: ReportBufferDeps['onSuperseded'] = (session, refs) =>
      this.#sessions.stopAttempts(session, refs);
    this.#reports = new ReportBuffer({
      ...shared,
      onSuperseded,
      onRelief: () => this.#claims.wakeForTasks(),
    });
    this.#output = new OutputBuffer({ ...shared, onSuperseded });
    this.#claims = new ClaimLoop({
      ...shared,
      ...parts,
      config: { ...config, coordinatorId: id },
      dispatcher: this.#dispatcher,
      owns,
      era: () => this.#ownership.era,
      keepsUp: () => this.#reports.keepsUp,
      nowMs,
      known: () => this.#known(),
    });
    this.#cancellations = new Cancellations({
      ...shared,
      ...parts,
      claimsUnderWay: () => this.#claims.passUnderWay(),
      onRoom,
    });
    this.#expirer = new Expirer({ ...shared, owns, pollMs: config.pollMs });
    this.#reaper = new Reaper({
      ...shared,
      limbo: this.#limbo,
      reapBeforeMs: () => this.#leases.reapBeforeMs,
      intervalMs: this.#leases.intervalMs,
      registry: this.#registry,
      known: () => this.#known(),
    });
    this.#balancer = new Balancer({ ...shared, ...parts, intervalMs: this.#leases.intervalMs });
    this.#sessions = new SessionService({
      ...shared,
      leaseMs: config.leaseMs,
      registry: this.#registry,
      leases: this.#leases,
      balancer: this.#balancer,
      reports: this.#reports,
      output: this.#output,
      limbo: this.#limbo,
      reaper: this.#reaper,
      onRoom,
      onOpen: () => this.#cancellations.wake(),
    });
    this.#stdin = new StdinService(shared);
    this.#listener = new Listener({
      url: config.databaseUrl,
      applicationName: `${applicationName} listens`,
      handlers: {
        [DUE_CHANNEL]: () => {
          this.#claims.wakeForTasks();
          this.#expirer.wakeSoon();
        },
        [HASTENED_CHANNEL]: () => this.#claims.wakeForHastened(),
        [CANCELLED_CHANNEL]: () => this.#cancellations.wake(),
        [DRAIN_CHANNEL]: (workerId) => void this.#onDrain(workerId),
      },
      onListening: () => this.#onListening(),
      onError: (error) => logger.warn({ err: error }, 'does not hear of new tasks at once; polling meanwhile'),
    });
    const standing = new StandingService({ ...shared, ...parts, leases: this.#leases });
    this.#grpc = new GrpcServer({
      host: config.grpcHost,
      port: config.grpcPort,
      coordinator: {
        Session: (stream) => this.#sessions.handle(stream),
        Stdin: (call) => this.#stdin.handle(call),
        Standing: (_call, answer) => void standing.handle(answer),
      },
      debug: new DebugService({ ...shared, ...parts, nowMs }).handlers(),
    });
    this.#health =
      config.health === null
        ? null
        : new HealthServer({
            ...config.health,
            registry: this.#metrics.registry,
            readiness: () => {
              const { problem } = this.#leases;
              return Promise.resolve({ ready: problem === null, checks: { postgresql: problem ?? 'ok' } });
            },
          });
    this.#metrics.observe({
      held: () => this.#agenda.size,
      inHand: () => this.#registry.all().reduce((sum, session) => sum + session.inHand().length, 0),
      sessions: () => this.#registry.size,
      freeSlots: () => this.#registry.all().reduce((sum, session) => sum + session.freeSlots, 0),
      pendingReports: () => this.#reports.size,
      pendingOutputBytes: () => this.#output.bytes,
      leaseValid: () => this.#leases.valid,
    });
  }

  /** `host:port` of the gRPC server, once started. */
  get address(): string {
    return this.#grpc.address;
  }

  /** Listens and begins to work. Does not wait for PostgreSQL: health says when it is there. */
  async start(): Promise<void> {
    await startAll([this.#grpc, ...(this.#health === null ? [] : [this.#health])]);
    await startAll([
      ...[this.#leases, this.#ownership, this.#reports, this.#output, this.#listener],
      ...[this.#claims, this.#cancellations, this.#expirer, this.#reaper, this.#balancer],
    ]);
    this.logger.info({ coordinatorId: this.id, address: this.address }, 'the coordinator listens');
  }

  /** Gives back what was not sent, commits what was reported, and sends the workers elsewhere. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stopInTime());
  }

  /** A PostgreSQL that hangs must not hold this up for as long as a statement may take; leases end by themselves. */
  async #stopInTime(): Promise<void> {
    const late = new AbortController();
    const stopped = this.#stop().finally(() => late.abort());
    const within = (ms: number) =>
      Promise.race([
        stopped.then(() => true),
        setTimeout(ms, false, { signal: late.signal, ref: false }).catch(() => true),
      ]);
    if (await within(COMMIT_WITHIN_MS)) return stopped;
    // What they have reported they report again elsewhere.
    this.#sessions.stop();
    if (await within(STOP_WITHIN_MS - COMMIT_WITHIN_MS)) return stopped;
    stopped.catch(() => undefined);
    this.logger.warn('PostgreSQL does not answer; what is still owned goes back when the lease ends');
  }

  async #stop(): Promise<void> {
    this.#leases.retire();
    this.#sayHealth();
    await stopAll([this.#balancer, this.#reaper, this.#expirer, this.#cancellations, this.#claims]);
    await this.#releaseAll([...this.#agenda.clear(), ...this.#expirer.take()]);
    await stopAll([this.#reports, this.#output]);
    this.#sessions.stop();
    this.#stdin.stop();
    await stopAll([
      ...(this.#health === null ? [] : [this.#health]),
      this.#grpc,
      this.#listener,
      this.#leases,
      this.#ownership,
    ]);
    await expireCoordinator(this.#pool, this.id).catch((error: unknown) => {
      this.logger.warn({ err: error }, 'could not end the own lease; it will end by itself');
    });
    await Promise.all([this.#pool.end(), this.#leasePool.end()]);
  }

  async #releaseAll(keys: readonly AttemptKey[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      await releaseClaims(this.#pool, this.id, keys);
    } catch (error) {
      this.logger.warn(
        { err: error, tasks: keys.length },
        'could not give claims back; others take them when the lease ends',
      );
    }
  }

  /** Every attempt that this process has to do with. */
  #known(): ReadonlySet<string> {
    return new Set([
      ...this.#agenda.list().map(({ task: { attempt, taskId } }) => refKey({ attempt, taskId })),
      ...this.#registry.all().flatMap((session) => session.inHand().map(({ ref }) => refKey(ref))),
      ...this.#limbo.keys().map(refKey),
      ...this.#reports.keys(),
      ...this.#cancellations.keys(),
      ...this.#expirer.keys(),
    ]);
  }

  #onRoom(): void {
    this.#dispatcher.dispatchReady();
    this.#claims.wakeForRoom();
  }

  async #onDrain(workerId: string): Promise<void> {
    const session = this.#registry.get(workerId);
    if (session === undefined) return;
    try {
      const standings = await findWorkerStandings(this.#pool, [session.key], null);
      const found = standings.get(session.id);
      if (found?.standing === 'same_session') this.#sessions.drain(session, found.drainTimeoutMs);
    } catch (error) {
      this.logger.warn({ err: error, workerId }, 'could not see how a worker is to drain; its next heartbeat tells');
    }
  }

  /** What `grpc.health.v1` says: whether a worker is well served here. */
  #sayHealth(): void {
    this.#grpc.setServing(this.#leases.problem === null && !this.#leases.retired);
  }

  #onListening(): void {
    this.#claims.wakeForHastened();
    this.#cancellations.wake();
    this.#expirer.wakeSoon();
    this.#ownership.recheck();
  }

  /** Drops claims that were reaped or cancelled while nobody could tell us. */
  async #confirmClaims(anew: boolean): Promise<void> {
    if (anew) {
      // Others have taken what they saw. What they did not is given up, so that nothing of theirs can match it later.
      await giveUpClaims(this.#pool, this.id, this.#agenda.clear());
      return;
    }
    const keys = this.#agenda.list().map(({ task: { taskId, attempt } }) => ({ taskId, attempt }));
    if (keys.length === 0) return;
    const own = new Set((await confirmClaims(this.#pool, this.id, keys)).map(refKey));
    for (const key of keys) if (!own.has(refKey(key))) this.#agenda.remove(key.taskId, key.attempt);
  }
}
