import { findRecordedEnds } from '../db/find-recorded-ends.ts';
import { finishAttempts, type FinishedAttempt, type RecordedEnd } from '../db/finish-attempts.ts';
import { markStarted, type Start } from '../db/mark-started.ts';
import type { Queryable } from '../db/pool.ts';
import { isEnd, type TaskState } from '../domain/task-state.ts';
import { refKey, type AttemptRef } from '../rpc/messages.ts';
import type { EventHub } from './event-hub.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { agedEnd, agedStart, type PendingReport } from './pending-reports.ts';
import type { WorkerSession } from './worker-session.ts';

export interface ReportRecorderDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  /** The worker runs something that is not its own; it has to stop it. */
  readonly onSuperseded: (session: WorkerSession, refs: readonly AttemptRef[]) => void;
}

/** Told of each report as soon as it is committed, or found to be superseded. */
export type Settled = (entry: PendingReport) => void;

/** Commits reports, acknowledges results, and says what became of the tasks. */
export class ReportRecorder {
  constructor(private readonly deps: ReportRecorderDeps) {}

  /** Of attempts that have started and of which no more is known. Throws what PostgreSQL says; nothing is settled then. */
  async recordStarts(entries: readonly PendingReport[], settled: Settled): Promise<void> {
    if (entries.length === 0) return;
    const { coordinatorId, db, hub, metrics, onSuperseded } = this.deps;
    const current = await markStarted(db, coordinatorId, entries.flatMap(toStart));
    const running = new Set(current.map(refKey));
    const toStop = new Map<WorkerSession, AttemptRef[]>();
    for (const entry of entries) {
      settled(entry);
      const { ref, session } = entry;
      if (running.has(refKey(ref))) {
        metrics.started.inc();
        hub.publish({ kind: 'TASK_STARTED', ...ref, workerId: session.workerId });
      } else {
        this.#tellSuperseded(entry);
        gather(toStop, session, ref);
      }
    }
    for (const [session, refs] of toStop) onSuperseded(session, refs);
  }

  /**
   * Of attempts that have ended. It takes several statements, and what one has recorded is settled before the next:
   * when that throws, the others are left.
   */
  async recordEnds(entries: readonly PendingReport[], settled: Settled): Promise<void> {
    if (entries.length === 0) return;
    const left = new Map(entries.map((entry) => [refKey(entry.ref), entry]));
    const settle = (entry: PendingReport) => {
      left.delete(refKey(entry.ref));
      settled(entry);
    };
    const { coordinatorId, db } = this.deps;
    const onRecorded = (ends: readonly RecordedEnd[]) => this.#acknowledge(ends, left, settle);
    await finishAttempts(db, coordinatorId, entries.flatMap(toEnd), { onRecorded });
    const doubtful = [...left.values()].filter((entry) => entry.doubtful);
    if (doubtful.length > 0) onRecorded(await findRecordedEnds(db, doubtful.flatMap(toEnd)));
    const superseded = new Map<WorkerSession, AttemptRef[]>();
    for (const entry of [...left.values()]) {
      settle(entry);
      this.#tellSuperseded(entry);
      gather(superseded, entry.session, entry.ref);
    }
    for (const [session, refs] of superseded) session.send({ kind: 'acknowledge', recorded: [], superseded: refs });
  }

  #acknowledge(ends: readonly RecordedEnd[], left: ReadonlyMap<string, PendingReport>, settle: Settled): void {
    const recorded = new Map<WorkerSession, AttemptRef[]>();
    for (const end of ends) {
      const entry = left.get(refKey(end));
      if (entry === undefined) continue;
      settle(entry);
      gather(recorded, entry.session, entry.ref);
      this.#tellEnd(entry, end.state);
    }
    for (const [session, refs] of recorded) session.send({ kind: 'acknowledge', recorded: refs, superseded: [] });
  }

  #tellSuperseded({ ref, session }: PendingReport): void {
    this.deps.metrics.superseded.inc();
    this.deps.hub.publish({ kind: 'REPORT_SUPERSEDED', ...ref, workerId: session.workerId });
  }

  /** Of a result that is recorded, and what it made of the task. */
  #tellEnd({ finished, ref, session }: PendingReport, state: TaskState): void {
    if (finished === null) return;
    const { hub, metrics } = this.deps;
    const { exitCode, reason, signal } = finished.result;
    const about = { ...ref, workerId: session.workerId };
    if (isEnd(state)) metrics.ended.inc({ state });
    if (reason === 'worker_lost') {
      metrics.handedBack.inc();
      hub.publish({ kind: 'TASK_LOST', ...about, state, reason });
    } else if (isEnd(state)) {
      // Whatever the command did: it was asked to be cancelled before it ended.
      hub.publish({
        ...{ kind: 'TASK_ENDED', ...about, state, exitCode, signal },
        reason: state === 'cancelled' ? 'cancelled' : reason,
      });
    } else {
      metrics.retried.inc();
      hub.publish({ kind: 'TASK_RETRYING', ...about, state, reason, exitCode, signal });
    }
  }
}

/** Ages count from now on. */
function toStart({ receivedAtMs, ref, session, started }: PendingReport): Start[] {
  if (started === null) return [];
  const { startedAgeUs } = agedStart(started, performance.now() - receivedAtMs);
  return [{ ...ref, workerId: session.workerId, startedAgeUs }];
}

function toEnd({ finished, receivedAtMs, ref, session }: PendingReport): FinishedAttempt[] {
  if (finished === null) return [];
  return [{ ...ref, workerId: session.workerId, ...agedEnd(finished, performance.now() - receivedAtMs) }];
}

function gather(refs: Map<WorkerSession, AttemptRef[]>, session: WorkerSession, ref: AttemptRef): void {
  const own = refs.get(session);
  if (own === undefined) refs.set(session, [ref]);
  else own.push(ref);
}
