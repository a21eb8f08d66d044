import { CLAIM_BYTES, claimDueTasks, type ClaimedTask } from '../db/claim-due-tasks.ts';
import { giveUpClaims } from '../db/give-up-claims.ts';
import { listDueHeads, type DueHead } from '../db/list-due-heads.ts';
import { listOwnClaims } from '../db/list-own-claims.ts';
import type { Queryable } from '../db/pool.ts';
import { releaseClaims, releaseClaimsIfRoomElsewhere } from '../db/release-claims.ts';
import { refKey } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { Agenda } from './agenda.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { EventHub } from './event-hub.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/** A claimed task that has been due for this long without a free slot is offered to other coordinators. */
const OFFER_AFTER_MS = 1_000;
/** Most tasks offered at once. */
const OFFER_LIMIT = 100;
/** When what is claimed takes this much, no more is claimed ahead of time. */
const AGENDA_BYTES = 64 * 1024 * 1024;
/** How often to compare what is claimed here with what PostgreSQL knows of it. */
const SWEEP_MS = 5_000;

export interface ClaimLoopConfig {
  readonly coordinatorId: string;
  readonly lookaheadMs: number;
  readonly pollMs: number;
  readonly claimBatch: number;
}

export interface ClaimLoopDeps {
  readonly db: Queryable;
  readonly config: ClaimLoopConfig;
  readonly agenda: Agenda;
  readonly registry: WorkerRegistry;
  readonly dispatcher: Dispatcher;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** The own lease is valid; nothing is claimed without. */
  readonly owns: () => boolean;
  /** Another number after each time at which what was claimed may have been taken; see {@link Ownership.era}. */
  readonly era: () => number;
  /** PostgreSQL's clock. */
  readonly nowMs: () => number;
  /** Every attempt that anything in this process has to do with, as refKey names it. */
  readonly known: () => ReadonlySet<string>;
  /** Reports do not pile up. */
  readonly keepsUp: () => boolean;
}

/**
 * Finds due tasks and claims them: as many as there are free slots for, and ahead of time as many as there are slots.
 * Woken by new tasks, new room and time; asks on its own every `pollMs`.
 */
export class ClaimLoop implements Service {
  readonly #loop: Loop;
  /** The last pass left something unclaimed for want of room. */
  #starved = true;
  /** When the last pass ended, something was due and waited for a slot. */
  #line = false;
  /** Of the monotonic clock. */
  #nextOfferMs = 0;
  #nextSweepMs = 0;

  constructor(private readonly deps: ClaimLoopDeps) {
    this.#loop = new Loop({
      pass: () => this.passOnce(),
      onError: (error) => {
        deps.metrics.databaseErrors.inc({ operation: 'claim' });
        deps.logger.warn({ err: error }, 'could not claim tasks; trying again');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** There may be new tasks. */
  wakeForTasks(): void {
    this.#loop.wake();
  }

  /** A claimed task was brought forward. */
  wakeForHastened(): void {
    this.#nextSweepMs = 0;
    this.#loop.wake();
  }

  /** There may be more room. */
  wakeForRoom(): void {
    if (this.#starved) this.#loop.wake();
  }

  /** Something on the agenda has become due. If it has to wait for a slot, others may have to be offered it. */
  wakeForDue(): void {
    if (!this.#line && this.deps.agenda.hasReady) this.#loop.wake();
  }

  /** Settles when what is being claimed at this moment is on the agenda. */
  passUnderWay(): Promise<void> {
    return this.#loop.passUnderWay();
  }

  /** One look for due tasks. Returns how long to wait for the next one unless woken; 0: there is more to do. */
  async passOnce(): Promise<number> {
    const { agenda, config, db, metrics, registry } = this.deps;
    if (!this.deps.owns() || !this.deps.keepsUp()) {
      this.#starved = true;
      return config.pollMs;
    }
    await this.#sweep();
    await this.#releaseStranded();
    if (registry.allUsableSlots() === 0) {
      this.#starved = true;
      return config.pollMs;
    }
    const end = metrics.claimDuration.startTimer();
    await this.#offerOverdue();
    // Room that comes while this pass works must wake the next one, whatever this one finds.
    this.#starved = true;
    let starved = false;
    let waitMs = config.pollMs;
    let more = false;
    /** Lanes with due tasks that nobody here has room for; nothing later is claimed for them before those. */
    const blocked = new Set<string>();
    for (const head of await listDueHeads(db)) {
      if (registry.usableSlots(head.lane) === 0) continue;
      const due = head.dueInMs <= 0;
      if (!due && blocked.has(head.lane)) {
        waitMs = Math.min(waitMs, head.dueInMs);
        continue;
      }
      const room = Math.min(due ? registry.freeSlots(head.lane) : this.#roomAhead(head.lane), config.claimBatch);
      const horizonMs = due ? 0 : config.lookaheadMs;
      if (head.dueInMs > horizonMs) {
        waitMs = Math.min(waitMs, head.dueInMs - horizonMs);
      } else if (room <= 0) {
        if (!due) waitMs = Math.min(waitMs, head.dueInMs);
        starved = true;
        blocked.add(head.lane);
      } else {
        const claimed = await this.#claim(head, horizonMs, room);
        const full = claimed === room;
        if (full) starved = true;
        // Room is left, or only the batch was full: look at once for what comes next.
        if ((claimed > 0 && !full) || (full && room === config.claimBatch)) more = true;
      }
    }
    end();
    this.#starved = starved;
    this.#line = agenda.hasReady;
    if (this.#line) waitMs = Math.min(waitMs, OFFER_AFTER_MS);
    return more ? 0 : Math.max(1, waitMs);
  }

  #roomAhead(lane: string): number {
    const { agenda, metrics, registry } = this.deps;
    if (agenda.bytes >= AGENDA_BYTES) {
      metrics.boundHits.inc({ bound: 'agenda_bytes' });
      return 0;
    }
    return Math.min(registry.usableSlots(lane) - agenda.heldInLane(lane), registry.allUsableSlots() - agenda.size);
  }

  async #claim(head: DueHead, lookaheadMs: number, limit: number): Promise<number> {
    const { agenda, config, db, dispatcher, hub, metrics } = this.deps;
    const { coordinatorId } = config;
    const { lane, priority } = head;
    const era = this.deps.era();
    const tasks = await claimDueTasks(db, { coordinatorId, lane, priority, lookaheadMs, limit });
    if (era !== this.deps.era()) return this.#forsake(tasks);
    metrics.claimed.inc(tasks.length);
    const bytes = tasks.reduce((sum, task) => sum + task.bytes, 0);
    if (tasks.length < limit && bytes >= CLAIM_BYTES) metrics.boundHits.inc({ bound: 'claim_bytes' });
    this.#publish(hub, tasks);
    if (lookaheadMs === 0) agenda.addDue(tasks);
    else agenda.add(tasks);
    dispatcher.dispatchReady();
    return tasks.length;
  }

  #publish(hub: EventHub, tasks: readonly ClaimedTask[]): void {
    for (const { taskId, attempt } of tasks) hub.publish({ kind: 'TASK_CLAIMED', taskId, attempt });
  }

  /** Looking ahead must not keep a due task here in line while another coordinator has a free slot for it. */
  async #offerOverdue(): Promise<void> {
    const now = performance.now();
    if (now < this.#nextOfferMs) return;
    const before = this.deps.nowMs() - OFFER_AFTER_MS;
    const overdue = this.deps.agenda.take((task) => task.dueAtMs <= before, OFFER_LIMIT);
    if (overdue.length === 0) return;
    if (overdue.length === OFFER_LIMIT) this.deps.metrics.boundHits.inc({ bound: 'offers' });
    this.#nextOfferMs = now + OFFER_AFTER_MS;
    // They are off the agenda, so that nothing sends them meanwhile; those that nobody else can run return to it. Should
    // PostgreSQL's answer be lost, nobody knows whose they are, and the sweep finds them.
    const { coordinatorId } = this.deps.config;
    const era = this.deps.era();
    const released = new Set((await releaseClaimsIfRoomElsewhere(this.deps.db, coordinatorId, overdue)).map(refKey));
    if (era !== this.deps.era()) return void this.#forsake(overdue);
    this.deps.agenda.add(overdue.filter((task) => !released.has(refKey(task))));
    this.deps.dispatcher.dispatchReady();
  }

  /**
   * The answer about these comes from before others may have taken them, so they are not to be sent. The sweep finds
   * those that are still ours and gives them up.
   */
  #forsake(tasks: readonly ClaimedTask[]): number {
    if (tasks.length > 0) this.#nextSweepMs = 0;
    return 0;
  }

  /** Whoever could have run these has left. What is not released is not ours any more. */
  async #releaseStranded(): Promise<void> {
    const { agenda, config, db, registry } = this.deps;
    const unserved = new Set(agenda.heldLanes().filter((lane) => registry.usableSlots(lane) === 0));
    if (unserved.size === 0) return;
    const stranded = agenda.take((task) => unserved.has(task.lane));
    await releaseClaims(db, config.coordinatorId, stranded);
  }

  /**
   * Plans anew what was brought forward, and gives up claims that PostgreSQL has committed and whose answer never came.
   * Nothing is being claimed while this runs, so what is not known now never will be.
   */
  async #sweep(): Promise<void> {
    const now = performance.now();
    if (now < this.#nextSweepMs) return;
    // At the beginning, so that what is brought forward meanwhile makes the next pass sweep again.
    this.#nextSweepMs = now + SWEEP_MS;
    try {
      await this.#compareClaims();
    } catch (error) {
      this.#nextSweepMs = 0;
      throw error;
    }
  }

  async #compareClaims(): Promise<void> {
    const { agenda, db, dispatcher, logger } = this.deps;
    const { coordinatorId } = this.deps.config;
    // Both: one that was known before may have ended meanwhile, and one that is known only now was sent meanwhile.
    const before = this.deps.known();
    const own = await listOwnClaims(db, coordinatorId);
    for (const { attempt, dueAtMs, taskId } of own) agenda.replan(taskId, attempt, dueAtMs);
    dispatcher.dispatchReady();
    const known = this.deps.known();
    const stray = own.filter((key) => !before.has(refKey(key)) && !known.has(refKey(key)));
    if (stray.length > 0) {
      logger.warn({ tasks: stray.length }, 'gives up claims whose answer was lost');
      await giveUpClaims(db, coordinatorId, stray);
    }
  }
}
