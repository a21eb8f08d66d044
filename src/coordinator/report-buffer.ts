import { finishAttempts, type FinishedAttempt } from '../db/finish-attempts.ts';
import { markStarted, type Start } from '../db/mark-started.ts';
import type { AttemptKey } from '../db/attempt-key.ts';
import type { Queryable } from '../db/pool.ts';
import { isTransient } from '../db/unavailable.ts';
import { isEnd, type AttemptResult, type TaskState } from '../domain/task-state.ts';
import { refKey, type AttemptRef, type FinishedReport, type StartedReport } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import type { EventHub } from './event-hub.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerSession } from './worker-session.ts';

/** One statement carries at most this much. */
const BATCH_ENTRIES = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Reading from workers pauses when more than this waits to be committed. */
const LIMIT_ENTRIES = 10_000;
const LIMIT_BYTES = 64 * 1024 * 1024;
/** What a piece of output takes beside its bytes. */
const PIECE_BYTES = 64;

/** Nothing waits: until something is added. */
const IDLE_MS = 60_000;

/** All that is known of one attempt and not yet committed. */
interface Pending {
  readonly ref: AttemptRef;
  session: WorkerSession;
  receivedAtMs: number;
  started: StartedReport | null;
  finished: FinishedReport | null;
}

export interface ReportBufferDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** The worker runs something that is not its own; it has to stop it. */
  readonly onSuperseded: (session: WorkerSession, refs: readonly AttemptRef[]) => void;
  /** Reports had piled up and do not any more. */
  readonly onRelief: () => void;
}

/**
 * Commits reports in batches and acknowledges results after the commit. While one batch is being committed the next
 * one gathers; a start and an end that gather together cost one write. What is in here is not lost with it: workers
 * keep results until they are acknowledged.
 */
export class ReportBuffer implements Service {
  readonly #pending = new Map<string, Pending>();
  #committing: ReadonlySet<string> = new Set();
  /** Results that cannot be recorded, which only a defect brings about. Their attempts have run and must not run again. */
  readonly #refused = new Set<string>();
  #bytes = 0;
  readonly #paused = new Set<WorkerSession>();
  readonly #loop: Loop;

  constructor(private readonly deps: ReportBufferDeps) {
    this.#loop = new Loop({
      pass: () => this.#flushOnce(),
      onError: (error) => deps.logger.warn({ err: error }, 'could not record reports; keeping them'),
    });
  }

  /** Attempts, as refKey names them, of which a report waits to be committed, is being committed, or cannot be. */
  keys(): string[] {
    return [...this.#pending.keys(), ...this.#committing, ...this.#refused];
  }

  get size(): number {
    return this.#pending.size;
  }

  /** False while reports pile up; nothing new should be started then. */
  get keepsUp(): boolean {
    return !this.#overLimit(0.5);
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Commits what it can at once, then stops. What PostgreSQL does not take now, workers report again elsewhere. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    try {
      while (this.#pending.size > 0) await this.#flushOnce();
    } catch (error) {
      this.deps.logger.warn({ err: error, reports: this.#pending.size }, 'could not record the last reports');
    }
  }

  add(session: WorkerSession, started: readonly StartedReport[], finished: readonly FinishedReport[]): void {
    for (const report of started) this.#entry(session, report.ref).started = report;
    for (const report of finished) {
      const entry = this.#entry(session, report.ref);
      this.#bytes += sizeOf(report) - (entry.finished === null ? 0 : sizeOf(entry.finished));
      entry.finished = report;
    }
    if (this.#overLimit(1) && !this.#paused.has(session)) {
      this.#paused.add(session);
      this.deps.metrics.backpressure.inc();
      session.pause();
    }
    this.#loop.wake();
  }

  #entry(session: WorkerSession, ref: AttemptRef): Pending {
    const key = refKey(ref);
    let entry = this.#pending.get(key);
    const receivedAtMs = performance.now();
    if (entry === undefined) {
      entry = { ref, session, receivedAtMs, started: null, finished: null };
      this.#pending.set(key, entry);
    } else if (entry.started !== null) {
      // Its age was told relative to the earlier frame.
      const waitedUs = Math.round((receivedAtMs - entry.receivedAtMs) * 1000);
      entry.started = { ...entry.started, startedAgeUs: entry.started.startedAgeUs + waitedUs };
    }
    entry.session = session;
    entry.receivedAtMs = receivedAtMs;
    return entry;
  }

  #overLimit(share: number): boolean {
    return this.#pending.size > LIMIT_ENTRIES * share || this.#bytes > LIMIT_BYTES * share;
  }

  /** Commits one batch. Throws when PostgreSQL cannot take it now; it is kept then. */
  async #flushOnce(): Promise<number> {
    if (this.#pending.size === 0) return IDLE_MS;
    const kept = this.keepsUp;
    const batch = this.#take();
    this.#committing = new Set(batch.map((entry) => refKey(entry.ref)));
    try {
      await this.#commit(batch);
    } catch (error) {
      this.deps.metrics.databaseErrors.inc({ operation: 'record_reports' });
      if (isTransient(error)) {
        this.#putBack(batch);
        throw error;
      }
      this.deps.logger.error(
        { err: error, reports: batch.length },
        'PostgreSQL refused a batch of reports; trying them singly',
      );
      for (const entry of batch) await this.#commitSingly(entry);
    }
    this.#committing = new Set();
    if (this.keepsUp) {
      for (const session of this.#paused) session.resume();
      this.#paused.clear();
      if (!kept) this.deps.onRelief();
    }
    return this.#pending.size === 0 ? IDLE_MS : 0;
  }

  #take(): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    for (const [key, entry] of this.#pending) {
      batch.push(entry);
      this.#pending.delete(key);
      bytes += entry.finished === null ? 0 : sizeOf(entry.finished);
      if (batch.length >= BATCH_ENTRIES || bytes >= BATCH_BYTES) break;
    }
    this.#bytes -= bytes;
    return batch.sort((a, b) => (a.ref.taskId < b.ref.taskId ? -1 : 1));
  }

  /** What came in since for the same attempts is newer and stays. */
  #putBack(batch: readonly Pending[]): void {
    for (const entry of batch) {
      const newer = this.#pending.get(refKey(entry.ref));
      if (newer === undefined) {
        this.#pending.set(refKey(entry.ref), entry);
        if (entry.finished !== null) this.#bytes += sizeOf(entry.finished);
      } else if (newer.finished === null && entry.finished !== null) {
        newer.finished = aged(entry.finished, newer.receivedAtMs - entry.receivedAtMs);
        this.#bytes += sizeOf(entry.finished);
      }
    }
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const { db, coordinatorId } = this.deps;
    const now = performance.now();
    const starts: Start[] = [];
    const ends: FinishedAttempt[] = [];
    for (const { ref, session, receivedAtMs, started, finished } of batch) {
      const waitedUs = Math.round((now - receivedAtMs) * 1000);
      if (finished !== null) {
        ends.push({ ...ref, workerId: session.workerId, ...aged(finished, now - receivedAtMs) });
      } else if (started !== null) {
        starts.push({ ...ref, workerId: session.workerId, startedAgeUs: started.startedAgeUs + waitedUs });
      }
    }
    const [running, ended] = await Promise.all([
      markStarted(db, coordinatorId, starts),
      finishAttempts(db, coordinatorId, ends),
    ]);
    this.#settle(batch, new Set(running.map(keyOf)), new Map(ended.map((end) => [keyOf(end), end.state])));
  }

  #settle(batch: readonly Pending[], running: ReadonlySet<string>, recorded: ReadonlyMap<string, TaskState>): void {
    const { hub, metrics } = this.deps;
    const answers = new Map<WorkerSession, { recorded: AttemptRef[]; superseded: AttemptRef[]; stop: AttemptRef[] }>();
    for (const { ref, session, finished } of batch) {
      let answer = answers.get(session);
      if (answer === undefined) answers.set(session, (answer = { recorded: [], superseded: [], stop: [] }));
      const about = { taskId: ref.taskId, attempt: ref.attempt, workerId: session.workerId };
      const state = recorded.get(refKey(ref));
      if (finished !== null && state !== undefined) {
        answer.recorded.push(ref);
        this.#tell(about, finished.result, state);
      } else if (finished === null && running.has(refKey(ref))) {
        metrics.started.inc();
        hub.publish({ kind: 'TASK_STARTED', ...about });
      } else {
        answer[finished === null ? 'stop' : 'superseded'].push(ref);
        metrics.superseded.inc();
        hub.publish({ kind: 'REPORT_SUPERSEDED', ...about });
      }
    }
    for (const [session, { recorded, superseded, stop }] of answers) {
      if (recorded.length + superseded.length > 0) session.send({ kind: 'acknowledge', recorded, superseded });
      if (stop.length > 0) this.deps.onSuperseded(session, stop);
    }
  }

  /** Of a result that is recorded, and what it made of the task. */
  #tell(about: AttemptRef & { readonly workerId: string }, result: AttemptResult, state: TaskState): void {
    const { hub, metrics } = this.deps;
    const { exitCode, signal } = result;
    if (isEnd(state)) metrics.ended.inc({ state });
    if (result.reason === 'worker_lost') {
      metrics.handedBack.inc();
      hub.publish({ kind: 'TASK_LOST', ...about, state, reason: 'worker_lost' });
    } else if (isEnd(state)) {
      // Whatever the command did: it was asked to be cancelled before it ended.
      const reason = state === 'cancelled' ? 'cancelled' : result.reason;
      hub.publish({ kind: 'TASK_ENDED', ...about, state, reason, exitCode, signal });
    } else {
      metrics.retried.inc();
      hub.publish({ kind: 'TASK_RETRYING', ...about, state, reason: result.reason, exitCode, signal });
    }
  }

  /** So that one report that PostgreSQL refuses does not hold up the others; its facts are kept, its output is not. */
  async #commitSingly(entry: Pending): Promise<void> {
    try {
      await this.#commit([entry]);
    } catch (error) {
      if (isTransient(error)) {
        this.#putBack([entry]);
        return;
      }
      this.deps.logger.error(
        { err: error, ref: entry.ref },
        'PostgreSQL refused a report; recording it without its output',
      );
      await this.#commitBare(entry);
    }
  }

  async #commitBare(entry: Pending): Promise<void> {
    const { finished } = entry;
    if (finished === null) return;
    const result = { ...finished.result, error: 'its output could not be stored; see the log of the coordinator' };
    try {
      await this.#commit([{ ...entry, finished: { ...finished, result, output: [] } }]);
    } catch (error) {
      if (isTransient(error)) {
        this.#putBack([entry]);
        return;
      }
      // Not acknowledged: the worker keeps it and reports it again with its next session.
      this.#refused.add(refKey(entry.ref));
      this.deps.logger.error(
        { err: error, ref: entry.ref },
        'a result cannot be recorded; this is a defect, please report it',
      );
    }
  }
}

const keyOf = (key: AttemptKey) => refKey(key);

function sizeOf(report: FinishedReport): number {
  return report.output.reduce((sum, piece) => sum + PIECE_BYTES + piece.data.length + 4 * piece.segments.length, 0);
}

/** The same report, told `ms` later. */
function aged(report: FinishedReport, ms: number): FinishedReport {
  const us = Math.round(ms * 1000);
  return {
    ...report,
    startedAgeUs: report.startedAgeUs === null ? null : report.startedAgeUs + us,
    endedAgeUs: report.endedAgeUs + us,
  };
}
