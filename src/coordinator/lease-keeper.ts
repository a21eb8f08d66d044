import { status } from '@grpc/grpc-js';
import { renewLeases, type CoordinatorIdentity, type Renewal } from '../db/renew-leases.ts';
import type { Queryable } from '../db/pool.ts';
import type { Standing } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { DatabaseClock } from './database-clock.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { Outage } from './outage.ts';
import { ReapingRight } from './reaping-right.ts';
import { RenewalQuestions } from './renewal-questions.ts';
import { resultWindow } from './result-window.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

/** Heartbeats that come within this time share a statement. */
const COALESCE_MS = 500;
/** Renewals that are made for questions begin at least this far apart, whatever herd comes with them. */
const QUESTION_SPACING_MS = 20;
/** How much earlier than PostgreSQL a worker ends its lease; the clock may be set forward by as much unnoticed. */
const MARGIN = { share: 0.1, mostMs: 1_000 };

/** How often a lease of so long is renewed. */
export function renewalIntervalMs(leaseMs: number): number {
  return Math.floor(leaseMs / 3);
}

export interface LeaseKeeperDeps {
  /** A connection of its own: renewals must not queue behind other statements. */
  readonly db: Queryable;
  readonly identity: () => CoordinatorIdentity;
  readonly leaseMs: number;
  readonly clock: DatabaseClock;
  readonly registry: WorkerRegistry;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** Renewed after the own lease had lapsed. `anew`: others had removed this coordinator, or it is new. */
  readonly onLapsed: (anew: boolean) => void;
  /** Renewing has begun or ceased to succeed. */
  readonly onHealth: () => void;
  /** Somebody asked for this worker to drain; said with every renewal from then on. */
  readonly onDrain: (session: WorkerSession, timeoutMs: number | null) => void;
  readonly monotonicMs?: () => number;
}

/**
 * Keeps the leases of this coordinator and its workers alive in PostgreSQL, and knows whether they are. A heartbeat is
 * acknowledged after the renewal is committed, or at once as not renewed when PostgreSQL cannot be reached. Whoever is
 * told so is promised, too, that nothing is taken back for a lease ({@link ReapingRight}).
 */
export class LeaseKeeper implements Service {
  /** How often workers are asked to send a heartbeat, and how often the own lease is renewed. */
  readonly intervalMs: number;
  readonly #loop: Loop;
  readonly #right: ReapingRight;
  readonly #outage = new Outage();
  readonly #questions = new RenewalQuestions();
  /** To be renewed next, and being renewed. */
  #beats = new Map<WorkerSession, number>();
  #sent = new Map<WorkerSession, number>();
  /** When each session last gave a sign of life. */
  readonly #heardAtMs = new Map<WorkerSession, number>();
  readonly #monotonicMs: () => number;
  #soon: NodeJS.Timeout | null = null;
  #sentAtMs = -Infinity;
  #validUntilMs = -Infinity;
  /** `hangs`: it has taken so long that it counts as failed, unless it succeeds after all. */
  #renewal: 'none' | 'under_way' | 'hangs' = 'none';
  #retired = false;

  constructor(private readonly deps: LeaseKeeperDeps) {
    this.intervalMs = renewalIntervalMs(deps.leaseMs);
    this.#right = new ReapingRight(deps.leaseMs, this.intervalMs);
    this.#monotonicMs = deps.monotonicMs ?? (() => performance.now());
    this.#loop = new Loop({
      pass: () => this.#renewOnce(),
      mostRetryMs: this.intervalMs,
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'renew_leases' });
        deps.logger.warn({ err: error, valid: this.valid }, 'could not renew leases; trying again');
      },
    });
  }

  /** Begins renewing. Does not wait for PostgreSQL. */
  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    this.retire();
    await this.#loop.stop();
    this.#questions.failed();
    if (this.#soon !== null) clearTimeout(this.#soon);
  }

  /** This coordinator stops: it takes nothing back any more, for good. */
  retire(): void {
    this.#retired = true;
  }

  get retired(): boolean {
    return this.#retired;
  }

  /** A session has registered, which counts as its first sign of life. */
  watch(session: WorkerSession): void {
    this.#heardAtMs.set(session, this.#monotonicMs());
  }

  /** A sign of life; it is acknowledged when the lease is renewed. */
  beat(session: WorkerSession, sequence: number): void {
    this.#beats.set(session, sequence);
    this.#heardAtMs.set(session, this.#monotonicMs());
    if (this.#outage.on) this.#tellNotRenewed(session, sequence);
    this.#soon ??= setTimeout(() => this.#loop.wake(), Math.min(COALESCE_MS, this.intervalMs / 4));
  }

  forget(session: WorkerSession): void {
    this.#beats.delete(session);
    this.#sent.delete(session);
    this.#heardAtMs.delete(session);
  }

  /** The own lease is valid: PostgreSQL answered not long ago. */
  get valid(): boolean {
    return this.#monotonicMs() < this.#validUntilMs;
  }

  /** What keeps renewals from succeeding, in words for people; `null`: they do. */
  get problem(): string | null {
    const problem = this.#outage.describe(this.#monotonicMs());
    return problem ?? (this.valid ? null : 'not reached yet');
  }

  /**
   * What others own may be taken back if its lease had ended at this instant, in milliseconds by PostgreSQL's clock;
   * `null`: nothing may. It stays true: a worker had killed what it ran by then, and its lease is another one when it has
   * registered anew. So a statement that carries it does no harm however late it arrives.
   */
  get reapBeforeMs(): number | null {
    return !this.#retired && this.valid && this.#right.holdsAt(this.#monotonicMs()) ? this.deps.clock.nowMs() : null;
  }

  /**
   * Promises to take nothing back for so long, in milliseconds. To be said to a worker together with every answer that
   * it is not served, since it may be what allows it to go on.
   */
  holdOff(): number {
    return this.#right.holdOff();
  }

  /**
   * Whether a renewal succeeds that begins after this was asked. When the last one has failed and none is under way, the
   * answer is no at once, and within a third of the interval otherwise.
   */
  async standing(): Promise<Pick<Standing, 'renewing' | 'holdsOffMs'>> {
    const renewing = await this.#renews();
    return { renewing, holdsOffMs: renewing ? 0 : this.holdOff() };
  }

  #renews(): Promise<boolean> {
    const hopeless = this.#outage.on && this.#renewal !== 'under_way';
    if (hopeless || this.#retired) return Promise.resolve(false);
    const answer = this.#questions.ask(this.#patienceMs);
    if (this.#renewal === 'none') this.#renewForQuestions();
    return answer;
  }

  #renewForQuestions(): void {
    const waitMs = this.#sentAtMs + QUESTION_SPACING_MS - this.#monotonicMs();
    if (waitMs <= 0) return this.#loop.wake();
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.#loop.wake(), waitMs);
  }

  /** How long a renewal may take before it counts as failed: a worker that hears nothing would look elsewhere. */
  get #patienceMs(): number {
    return this.intervalMs / 3;
  }

  /** Throws when PostgreSQL does not take it. */
  async #renewOnce(): Promise<number> {
    this.#endSilentSessions();
    this.#sent = this.#beats;
    this.#beats = new Map();
    this.#questions.begin();
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#soon = null;
    this.#sentAtMs = this.#monotonicMs();
    this.#renewal = 'under_way';
    const impatience = setTimeout(() => {
      this.#renewal = 'hangs';
      this.#failed();
    }, this.#patienceMs);
    try {
      this.#succeeded(await this.#renew());
    } catch (error) {
      this.#failed(error);
      // Still to be renewed, as soon as PostgreSQL is back.
      this.#beats = new Map([...this.#sent, ...this.#beats]);
      throw error;
    } finally {
      clearTimeout(impatience);
      this.#renewal = 'none';
      this.#sent = new Map();
    }
    if (this.#questions.waiting) this.#renewForQuestions();
    return this.intervalMs;
  }

  #renew(): Promise<Renewal> {
    const beats = [...this.#sent.keys()].map((session) => ({ workerId: session.workerId, sessionId: session.id }));
    return renewLeases(this.deps.db, this.deps.identity(), this.deps.leaseMs, beats);
  }

  #succeeded(renewal: Renewal): void {
    const { clock, leaseMs, logger } = this.deps;
    const now = this.#monotonicMs();
    const lapsed = now >= this.#validUntilMs;
    const aheadMs = clock.observe(renewal.nowMs, this.#sentAtMs);
    if (aheadMs > Math.min(MARGIN.mostMs, MARGIN.share * leaseMs)) {
      logger.warn({ aheadMs }, 'the clock of PostgreSQL was set forward; nobody counts as lost for a lease');
      this.#right.holdOff();
    }
    this.#right.renewed(now);
    this.#validUntilMs = this.#sentAtMs + leaseMs;
    const recovered = this.#outage.on || lapsed;
    if (this.#outage.on) logger.info({ problem: this.problem }, 'renews leases again');
    this.#outage.end();
    this.#questions.succeeded();
    this.#acknowledge(renewal);
    if (renewal.registeredAnew || lapsed) this.deps.onLapsed(renewal.registeredAnew);
    if (recovered) this.deps.onHealth();
  }

  /** The renewal under way has failed; without an error: it is not answered. */
  #failed(error?: unknown): void {
    const news = !this.#outage.on;
    this.#outage.note(this.#sentAtMs, error);
    this.#right.holdOff();
    this.#questions.failed();
    if (!news) return;
    // Those that come from now on are answered at once.
    for (const [session, sequence] of [...this.#sent, ...this.#beats]) this.#tellNotRenewed(session, sequence);
    this.deps.onHealth();
  }

  /** A stream can stay open while its worker hangs. By now the worker must have killed what it ran. */
  #endSilentSessions(): void {
    const before = this.#monotonicMs() - this.deps.leaseMs;
    for (const [session, heardAtMs] of this.#heardAtMs) {
      if (heardAtMs >= before) continue;
      this.deps.logger.warn({ workerId: session.workerId }, 'a worker has missed its heartbeats');
      session.abort(status.ABORTED, `no heartbeat came for ${this.deps.leaseMs} ms; register again`);
    }
  }

  #tellNotRenewed(session: WorkerSession, sequence: number): void {
    session.send({ kind: 'heartbeat_ack', sequence, renewed: false, holdsOffMs: this.holdOff(), resultWindow: 0 });
  }

  #acknowledge(renewal: Renewal): void {
    const renewed = new Map(renewal.workers.map((worker) => [worker.id, worker]));
    const window = resultWindow(this.deps.registry.size);
    for (const [session, sequence] of this.#sent) {
      const worker = renewed.get(session.workerId);
      if (worker === undefined) {
        session.abort(
          status.ABORTED,
          'the lease of this session has ended or a newer session took over; register again',
        );
        continue;
      }
      session.send({ kind: 'heartbeat_ack', sequence, renewed: true, holdsOffMs: 0, resultWindow: window });
      if (worker.draining) this.deps.onDrain(session, worker.drainTimeoutMs);
    }
  }
}
