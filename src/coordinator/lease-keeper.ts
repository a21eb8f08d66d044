import { status } from '@grpc/grpc-js';
import { renewLeases, type CoordinatorIdentity, type Renewal } from '../db/renew-leases.ts';
import type { Queryable } from '../db/pool.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { DatabaseClock } from './database-clock.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

/** Heartbeats that come within this time share a statement. */
const COALESCE_MS = 500;

export interface LeaseKeeperDeps {
  readonly db: Queryable;
  readonly identity: () => CoordinatorIdentity;
  readonly leaseMs: number;
  readonly clock: DatabaseClock;
  readonly registry: WorkerRegistry;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** Drops claims that are not ours any more; nothing is dispatched until it returns. */
  readonly confirmClaims: () => Promise<void>;
  /** Claims are confirmed: dispatching and claiming may go on. */
  readonly onOwning: () => void;
  /** Somebody asked for this worker to drain; said with every renewal from then on. */
  readonly onDrain: (session: WorkerSession, timeoutMs: number | null) => void;
  readonly monotonicMs?: () => number;
}

/**
 * Keeps the leases of this coordinator and its workers alive in PostgreSQL, and knows whether they are. A heartbeat is
 * acknowledged after the renewal is committed, or at once as not renewed when PostgreSQL cannot be reached.
 */
export class LeaseKeeper implements Service {
  /** How often workers are asked to send a heartbeat, and how often the own lease is renewed. */
  readonly intervalMs: number;
  readonly #loop: Loop;
  readonly #beats = new Map<WorkerSession, number>();
  /** When each session last gave a sign of life. */
  readonly #heardAtMs = new Map<WorkerSession, number>();
  readonly #monotonicMs: () => number;
  #coalescing: NodeJS.Timeout | null = null;
  #validUntilMs = -Infinity;
  #renewedAtMs = -Infinity;
  #steadySinceMs = Infinity;
  #confirmed = false;
  /** The last renewal has failed: heartbeats are answered at once, since the next may take its time. */
  #failing = false;
  #confirmation = 0;

  constructor(private readonly deps: LeaseKeeperDeps) {
    this.intervalMs = Math.floor(deps.leaseMs / 3);
    this.#monotonicMs = deps.monotonicMs ?? (() => performance.now());
    this.#loop = new Loop({
      pass: () => this.#renewOnce(),
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
    await this.#loop.stop();
    if (this.#coalescing !== null) clearTimeout(this.#coalescing);
  }

  /** A session has registered, which counts as its first sign of life. */
  watch(session: WorkerSession): void {
    this.#heardAtMs.set(session, this.#monotonicMs());
  }

  /** A sign of life; it is acknowledged when the lease is renewed. */
  beat(session: WorkerSession, sequence: number): void {
    this.#beats.set(session, sequence);
    this.#heardAtMs.set(session, this.#monotonicMs());
    if (this.#failing) session.send({ kind: 'heartbeat_ack', sequence, renewed: false });
    this.#coalescing ??= setTimeout(() => this.#loop.wake(), Math.min(COALESCE_MS, this.intervalMs / 4));
  }

  forget(session: WorkerSession): void {
    this.#beats.delete(session);
    this.#heardAtMs.delete(session);
  }

  /** The own lease is valid: PostgreSQL answered not long ago. */
  get valid(): boolean {
    return this.#monotonicMs() < this.#validUntilMs;
  }

  /** What this coordinator claimed is still its own, and may be dispatched. */
  get owns(): boolean {
    return this.valid && this.#confirmed;
  }

  /**
   * Others may be declared lost. Not before renewals have succeeded for a full lease without a gap: after PostgreSQL
   * was away, everybody gets that long to renew, so that nobody is lost for an outage that was not theirs.
   */
  get mayReap(): boolean {
    return this.valid && this.#monotonicMs() - this.#steadySinceMs >= this.deps.leaseMs;
  }

  /** Claims have to be confirmed again before anything is dispatched, for instance after missed notifications. */
  async reconfirm(): Promise<void> {
    const confirmation = ++this.#confirmation;
    await this.deps.confirmClaims();
    // One that began before a lapse says nothing about what is owned after it.
    if (confirmation !== this.#confirmation) return;
    this.#confirmed = true;
    this.deps.onOwning();
  }

  /** Throws when PostgreSQL does not take it. */
  async #renewOnce(): Promise<number> {
    this.#endSilentSessions();
    const beats = new Map(this.#beats);
    this.#beats.clear();
    if (this.#coalescing !== null) clearTimeout(this.#coalescing);
    this.#coalescing = null;
    const sentAtMs = this.#monotonicMs();
    // PostgreSQL may hang rather than fail, and a worker that hears nothing would look for another coordinator.
    const slow = setInterval(() => this.#answerNotRenewed(new Map([...beats, ...this.#beats])), this.intervalMs / 3);
    try {
      const renewal = await renewLeases(
        this.deps.db,
        this.deps.identity(),
        this.deps.leaseMs,
        [...beats.keys()].map((session) => ({ workerId: session.workerId, sessionId: session.id })),
      );
      this.deps.clock.observe(renewal.nowMs, sentAtMs);
      this.#acknowledge(beats, renewal);
      const failed = this.#failing;
      this.#failing = false;
      await this.#noteRenewal(renewal, sentAtMs, failed);
      return this.intervalMs;
    } catch (error) {
      this.#answerNotRenewed(beats);
      // Still to be renewed, as soon as PostgreSQL is back.
      for (const [session, sequence] of beats) {
        if (this.#heardAtMs.has(session) && !this.#beats.has(session)) this.#beats.set(session, sequence);
      }
      this.#failing = true;
      throw error;
    } finally {
      clearInterval(slow);
    }
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

  async #noteRenewal(renewal: Renewal, sentAtMs: number, failedBefore: boolean): Promise<void> {
    const now = this.#monotonicMs();
    const lapsed = now >= this.#validUntilMs;
    if (failedBefore || now - this.#renewedAtMs > this.intervalMs * 1.5) this.#steadySinceMs = now;
    this.#renewedAtMs = now;
    if (renewal.registeredAnew || lapsed) this.#confirmed = false;
    this.#validUntilMs = sentAtMs + this.deps.leaseMs;
    if (!this.#confirmed) await this.reconfirm();
  }

  #answerNotRenewed(beats: ReadonlyMap<WorkerSession, number>): void {
    for (const [session, sequence] of beats) session.send({ kind: 'heartbeat_ack', sequence, renewed: false });
  }

  #acknowledge(beats: ReadonlyMap<WorkerSession, number>, renewal: Renewal): void {
    const renewed = new Map(renewal.workers.map((worker) => [worker.id, worker]));
    for (const [session, sequence] of beats) {
      const worker = renewed.get(session.workerId);
      if (worker === undefined) {
        session.abort(
          status.ABORTED,
          'the lease of this session has ended or a newer session took over; register again',
        );
        continue;
      }
      session.send({ kind: 'heartbeat_ack', sequence, renewed: true });
      if (worker.draining) this.deps.onDrain(session, worker.drainTimeoutMs);
    }
  }
}
