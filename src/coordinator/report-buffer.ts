import { mayBeCommitted } from '../db/connection-fate.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { refKey, type FinishedReport, type StartedReport } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { Loop } from './loop.ts';
import { PendingReports, type PendingReport } from './pending-reports.ts';
import { ReportRecorder, type ReportRecorderDeps, type Settled } from './report-recorder.ts';
import type { WorkerSession } from './worker-session.ts';

/** Nothing new is claimed while more than this waits to be committed. */
const BUSY_ENTRIES = 5_000;
const BUSY_BYTES = 32 * 1024 * 1024;
/** Output within the results of one session. Workers send far less ahead; those of an older version up to 64 MiB. */
const SESSION_BYTES = 80 * 1024 * 1024;

/** Nothing waits: until something is added. */
const IDLE_MS = 60_000;

export interface ReportBufferDeps extends ReportRecorderDeps {
  readonly logger: Logger;
  /** Reports had piled up and do not any more. */
  readonly onRelief: () => void;
}

/** Commits reports that are all of a kind. */
type Recording = (entries: readonly PendingReport[], settled: Settled) => Promise<void>;

/**
 * Commits reports in batches. While one is being committed the next one gathers; a start and an end that gather together
 * cost one write. What is in here is not lost with it: workers keep results until they are acknowledged, which follows
 * the commit. It is bounded by what each worker may send ahead (result-window.ts).
 */
export class ReportBuffer implements Service {
  readonly #pending = new PendingReports();
  /** Results that cannot be recorded, which only a defect brings about. Their attempts have run and must not run again. */
  readonly #refused = new Set<string>();
  readonly #recorder: ReportRecorder;
  readonly #loop: Loop;
  #busy = false;

  constructor(private readonly deps: ReportBufferDeps) {
    this.#recorder = new ReportRecorder(deps);
    this.#loop = new Loop({
      pass: () => this.#flushOnce(),
      onError: (error) => deps.logger.warn({ err: error }, 'could not record reports; keeping them'),
    });
  }

  /** Attempts, as refKey names them, of which a report waits to be committed, is being committed, or cannot be. */
  keys(): string[] {
    return [...this.#pending.keys(), ...this.#refused];
  }

  /** Attempts of which a report is not committed. */
  get size(): number {
    return this.#pending.size;
  }

  /** False while reports pile up; nothing new should be started then. */
  get keepsUp(): boolean {
    return !this.#busy;
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Commits what it can at once, then stops. What PostgreSQL does not take now, workers report again elsewhere. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    try {
      while (this.#pending.waiting > 0) await this.#flushOnce();
    } catch (error) {
      this.deps.logger.warn({ err: error, reports: this.#pending.size }, 'could not record the last reports');
    }
  }

  /** Ends the session of a worker that sends more ahead than it may. */
  add(session: WorkerSession, started: readonly StartedReport[], finished: readonly FinishedReport[]): void {
    for (const report of started) this.#pending.addStart(session, report);
    for (const report of finished) this.#pending.addEnd(session, report);
    this.#noteLoad();
    const { bytes, entries } = this.#pending.of(session);
    if (entries > session.mostReports || bytes > SESSION_BYTES) {
      session.exhaust('session_reports', 'the worker sends more results than it may without an acknowledgement');
    }
    this.#loop.wake();
  }

  #noteLoad(): void {
    const busy = this.#pending.size > BUSY_ENTRIES || this.#pending.bytes > BUSY_BYTES;
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (busy) this.deps.metrics.boundHits.inc({ bound: 'reports' });
    else this.deps.onRelief();
  }

  /**
   * Commits one batch. Throws when PostgreSQL cannot take all of it now; the rest is kept. Starts and ends have statements
   * of their own, and what becomes of the one says nothing of the other.
   */
  async #flushOnce(): Promise<number> {
    if (this.#pending.waiting === 0) return IDLE_MS;
    const batch = this.#pending.take();
    const starts = batch.filter(({ finished }) => finished === null);
    const ends = batch.filter(({ finished }) => finished !== null);
    const outcomes = await Promise.allSettled([
      this.#commit(starts, (entries, settled) => this.#recorder.recordStarts(entries, settled)),
      this.#commit(ends, (entries, settled) => this.#recorder.recordEnds(entries, settled)),
    ]);
    this.#noteLoad();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return this.#pending.waiting === 0 ? IDLE_MS : 0;
  }

  async #commit(entries: readonly PendingReport[], record: Recording): Promise<void> {
    const left = new Set(entries);
    const settled = (entry: PendingReport) => {
      left.delete(entry);
      this.#pending.settle(entry);
    };
    try {
      await record(entries, settled).catch(async (error: unknown) => {
        this.deps.metrics.databaseErrors.inc({ operation: 'record_reports' });
        if (isUnavailable(error)) throw error;
        this.deps.logger.error(
          { err: error, reports: left.size },
          'PostgreSQL refused a batch of reports; trying them singly',
        );
        for (const entry of [...left]) await this.#commitSingly(entry, record, settled);
      });
    } catch (error) {
      for (const entry of left) {
        entry.doubtful ||= mayBeCommitted(error);
        this.#pending.putBack(entry);
      }
      throw error;
    }
  }

  /**
   * So that one report that PostgreSQL refuses does not hold up the others; its facts are kept, its output is not. Throws
   * when PostgreSQL cannot take it now.
   */
  async #commitSingly(entry: PendingReport, record: Recording, settled: Settled): Promise<void> {
    const refusal = await refusalOf(record([entry], settled));
    if (refusal === null) return;
    const { ref } = entry;
    this.deps.logger.error({ err: refusal, ref }, 'PostgreSQL refused a report; recording it without its output');
    this.#pending.dropOutput(entry, 'its output could not be stored; see the log of the coordinator');
    const again = entry.finished === null ? refusal : await refusalOf(record([entry], settled));
    if (again === null) return;
    // Not acknowledged: the worker keeps a result, and reports it again with its next session.
    if (entry.finished !== null) this.#refused.add(refKey(ref));
    settled(entry);
    this.deps.logger.error({ err: again, ref }, 'a report cannot be recorded; this is a defect, please report it');
  }
}

/** Why PostgreSQL does not take it at all, `null`: it did. Rejects when it cannot take it now. */
async function refusalOf(recording: Promise<void>): Promise<unknown> {
  try {
    await recording;
    return null;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return error;
  }
}
